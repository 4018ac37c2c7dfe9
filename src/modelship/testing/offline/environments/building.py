"""Build environments on their own: ``build``, ``build_local``, ``get_image_details``."""

from __future__ import annotations

import base64
import io
import shlex
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.logtail import last_lines
from modelship.testing.offline.control import WS
from modelship.testing.offline.environments.environment_registry import ONE
from modelship.testing.offline.json_exchange import RefusalError, json_object, json_response
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Documents, Store
    from modelship.testing.offline.environments.environment_places import Places
    from modelship.testing.offline.environments.environment_registry import Environments
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


@dataclass(frozen=True)
class EnvironmentBuilds:
    """Builds registered environments: resolves them and installs their packages.

    Parameters
    ----------
    store : Store
        Stores the results.
    environments : Environments
        The registered environments.
    operations : Operations
        Store the state and the log of each build.
    places : Places
        The place where an environment is installed.
    workers : Workers
        Run the builds.
    """

    store: Store
    environments: Environments
    operations: Operations
    places: Places
    workers: Workers

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        one = ONE.replace("v1.0", "v2.0")
        return [
            Call("environments.build", "POST", f"{one}/image", self._build),
            # Whichever machine is requested, this one builds.
            Call("environments.build_on", "POST", f"{one}/imageoncompute/<compute>", self._build),
            Call("environments.built", "GET", _STATUS, self._status),
            Call("environments.image", "GET", f"{ONE}/image", self._details),
            Call("environments.recipe", "POST", f"{ONE}/recipe", self._recipe),
        ]

    # --- build ----------------------------------------------------------------------------

    def _build(self, request: Request, *, reference: str, **_scope: str) -> Response:
        environment = self.environments.find(reference)
        operation = self.operations.begin(environment["name"], kind=_TYPE)
        install = partial(self._install, environment, operation, self.places.default)
        work = partial(self.operations.carry_out, operation, install)
        # The SDK polls immediately, and then every five seconds.
        self.workers.run(work, name=f"build {environment['name']}", wait_s=_SOON_S)
        base = request.path[: request.path.index("/environments/")]
        location = f"{request.host_url.rstrip('/')}{base}/builds/{operation}"
        return json_response({"location": location}, status=202)

    def _install(self, environment: dict[str, Any], operation: str, kind: str) -> None:
        """Install an environment, and record its location."""
        request = self._stub(environment)
        with ExitStack() as stack:
            image, steps = self.places.build(kind, request, operation=operation, stack=stack)
            where = self.places.place(kind, image, steps)
        if not self.workers.closed:
            with self._built.lock:
                kinds = self._where(environment) | {kind: where}
                self._built.put(_key(environment), {"kinds": kinds})

    def _stub(self, environment: dict[str, Any]) -> dict[str, Any]:
        """Return the request for an image that has this environment and does nothing."""
        self.store.new_blob(_SCRIPT).write_bytes(_STUB)
        return {
            "modelIds": [],
            "driverProgram": "score.py",
            "assets": [{"id": "score.py", "url": f"aml://artifact/{_SCRIPT}"}],
            "environment": {**environment, "inferencingStackVersion": "latest"},
        }

    def _status(self, request: Request, *, operation: str, **_scope: str) -> Response:
        state = self.operations.state(operation)
        log = self.operations.log_address(operation, request)
        return json_response({"status": _RUNNING.get(state, state), "logUrl": log})

    # --- what was built -------------------------------------------------------------------

    def _details(self, _request: Request, *, reference: str, **_scope: str) -> Response:
        environment = self.environments.find(reference)
        kinds = self._where(environment)
        where = kinds.get("docker") or kinds.get("process")
        return json_response(self.places.details(_key(environment), where))

    def _recipe(self, request: Request, *, reference: str, **_scope: str) -> Response:
        """Build immediately, and answer with scripts that print the environment's location."""
        asked = json_object(request, {"useDocker": optional(bool), "platform": optional(str)})
        environment = self.environments.find(reference)
        kind = "docker" if asked.get("useDocker") else "process"
        operation = self.operations.begin(environment["name"], kind=_TYPE)
        install = partial(self._install, environment, operation, kind)
        self.operations.carry_out(operation, install)
        log = self.operations.log(operation)
        if self.operations.state(operation) == "Failed":
            message = f"The environment cannot be built: {last_lines(log, 5)}"
            raise RefusalError(400, "EnvironmentBuildFailed", message)
        return json_response(_scripts(log, self._where(environment)[kind]["says"]))

    @property
    def _built(self) -> Documents:
        return self.store.documents("built-environments")

    def _where(self, environment: dict[str, Any]) -> dict[str, Any]:
        """Return the location of an installed environment, by the kind of the place."""
        found = self._built.get(_key(environment)) or {"kinds": {}}
        return dict(found["kinds"])


def _key(environment: dict[str, Any]) -> str:
    return f"{environment['name']}:{environment['version']}"


def _scripts(log: str, says: str) -> dict[str, Any]:
    """Return what the SDK unpacks and runs: a script that prints the log and the locations."""
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
