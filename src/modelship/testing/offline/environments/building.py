"""Environments that are built by themselves: ``build``, ``build_local``, ``get_image_details``."""

from __future__ import annotations

import base64
import io
import shlex
import zipfile
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.logtail import last_lines
from modelship.testing.offline.builds import Build
from modelship.testing.offline.control import WS
from modelship.testing.offline.deployment_failures import DeploymentFailure, never_started
from modelship.testing.offline.environments.registered import ONE
from modelship.testing.offline.json_exchange import RefusalError, json_object, json_response
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.environments.places import Places
    from modelship.testing.offline.environments.registered import Environments
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.workers import Workers

__all__ = ["EnvironmentBuilds"]

_BUILDS: Final = f"/environment/v2.0{WS}"
_STATUS: Final = f"{_BUILDS}/builds/<operation>"
_SCRIPT: Final = "LocalUpload/modelship/nothing/score.py"
_STUB: Final = b"def init():\n    pass\n\n\ndef run(raw_data):\n    return None\n"
_TYPE: Final = "BuildEnvironment"
_SOON_S: Final = 3.0
_RUNNING: Final = {"NotStarted": "Queued", "Running": "Running"}


class EnvironmentBuilds:
    """Builds registered environments: resolves them and installs their packages.

    Parameters
    ----------
    store : Store
        Keeps what was built.
    environments : Environments
        Those that are registered.
    operations : Operations
        Hold the state and the log of each build.
    places : Places
        Where an environment is installed.
    workers : Workers
        Run the builds.
    """

    def __init__(
        self,
        store: Store,
        *,
        environments: Environments,
        operations: Operations,
        places: Places,
        workers: Workers,
    ) -> None:
        self._store = store
        self._environments = environments
        self._operations = operations
        self._places = places
        self._workers = workers
        self._built = store.documents("built-environments")

    def calls(self) -> list[Call]:
        """Return what it answers."""
        one = ONE.replace("v1.0", "v2.0")
        return [
            Call("environments.build", "POST", f"{one}/image", self._build),
            Call(
                "environments.build_on", "POST", f"{one}/imageoncompute/<compute>", self._build_on
            ),
            Call("environments.built", "GET", _STATUS, self._status),
            Call("environments.image", "GET", f"{ONE}/image", self._details),
            Call("environments.recipe", "POST", f"{ONE}/recipe", self._recipe),
        ]

    # --- build ----------------------------------------------------------------------------

    def _build(self, request: Request, *, reference: str, **_scope: str) -> Response:
        environment = self._environments.find(reference)
        operation = self._operations.begin(environment["name"], kind=_TYPE)
        work = partial(self._run, environment, operation)
        # The SDK asks at once, and then every five seconds.
        self._workers.run(work, name=f"build {environment['name']}", wait_s=_SOON_S)
        base = request.path[: request.path.index("/environments/")]
        location = f"{request.host_url.rstrip('/')}{base}/builds/{operation}"
        return json_response({"location": location}, status=202)

    def _build_on(
        self, request: Request, *, reference: str, compute: str, **scope: str
    ) -> Response:
        del compute  # every build is one of this machine
        return self._build(request, reference=reference, **scope)

    def _run(self, environment: dict[str, Any], operation: str) -> None:
        try:
            self._install(environment, operation, self._places.default)
        except DeploymentFailure as failure:
            self._operations.end(operation, "Failed", error=failure.error)
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
            self._operations.write(operation, f"{type(error).__name__}: {error}")
            failed = never_started(f"{type(error).__name__}: {error}").error
            self._operations.end(operation, "Failed", error=failed)
        else:
            self._operations.end(operation, "Succeeded")

    def _install(self, environment: dict[str, Any], operation: str, kind: str) -> dict[str, Any]:
        """Install an environment, and record where it is."""
        builder = self._places.builder(kind, self._operations)
        with ExitStack() as stack:
            document = self._stub(environment)
            build = Build.of(document, operation=operation, stage="", stack=stack)
            image = builder.build(build)
            if image is None:  # the stub asks for the server, so there is one
                raise AssertionError
            where = self._places.place(kind, image, build.steps)
        key = _key(environment)
        if self._workers.closed:
            return where
        with self._built.lock:
            found = self._built.get(key) or {"kinds": {}}
            self._built.put(key, {"kinds": found["kinds"] | {kind: where}})
        return where

    def _stub(self, environment: dict[str, Any]) -> dict[str, Any]:
        """Return the document of a service that has this environment and does nothing."""
        blob = self._store.blob(_SCRIPT)
        if not blob.exists():
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(_STUB)
        asset = {"id": "score.py", "url": f"aml://artifact/{_SCRIPT}"}
        image = {
            "modelIds": [],
            "driverProgram": "score.py",
            "assets": [asset],
            "environment": {**environment, "inferencingStackVersion": "latest"},
        }
        return {
            "name": environment["name"],
            "environmentImageRequest": image,
            "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5},
        }

    def _status(self, request: Request, *, operation: str, **_scope: str) -> Response:
        state = self._operations.state(operation)
        log = self._operations.log_address(operation, request)
        return json_response({"status": _RUNNING.get(state, state), "logUrl": log})

    # --- what was built -------------------------------------------------------------------

    def _details(self, _request: Request, *, reference: str, **_scope: str) -> Response:
        environment = self._environments.find(reference)
        kinds = (self._built.get(_key(environment)) or {"kinds": {}})["kinds"]
        where = kinds.get("docker") or kinds.get("process")
        return json_response(self._places.details(_key(environment), where))

    def _recipe(self, request: Request, *, reference: str, **_scope: str) -> Response:
        """Build at once, and answer with scripts that say where the environment is."""
        asked = json_object(request, {"useDocker": optional(bool), "platform": optional(str)})
        environment = self._environments.find(reference)
        kind = "docker" if asked.get("useDocker") else "process"
        operation = self._operations.begin(environment["name"], kind=_TYPE)
        try:
            where = self._install(environment, operation, kind)
        except DeploymentFailure as failure:
            self._operations.end(operation, "Failed", error=failure.error)
            log = self._operations.log(operation)
            message = f"The environment cannot be built: {last_lines(log, 5)}"
            raise RefusalError(400, "EnvironmentBuildFailed", message) from failure
        self._operations.end(operation, "Succeeded")
        return json_response(_scripts(self._operations.log(operation), where["says"]))


def _key(environment: dict[str, Any]) -> str:
    return f"{environment['name']}:{environment['version']}"


def _scripts(log: str, says: str) -> dict[str, Any]:
    """Return what the SDK unpacks and runs: a script that shows the log, and where it all is."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("log.txt", log)
        archive.writestr("check.sh", f"#!/bin/sh\ncat log.txt\necho {shlex.quote(says)}\n")
        archive.writestr("build.sh", "#!/bin/sh\nexit 0\n")
    return {
        "setupContentZip": base64.b64encode(content.getvalue()).decode(),
        "checkEnvironmentScriptName": "check.sh",
        "buildEnvironmentScriptName": "build.sh",
        "environmentVariables": {},
    }
