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

from modelship.staging import write_atomic
from modelship.targets.logtail import last_lines
from modelship.testing.offline.control import WS
from modelship.testing.offline.environments.environment_registry import ONE
from modelship.testing.offline.json_exchange import RefusalError, json_response, optional
from modelship.testing.offline.offline_app import Part, answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.environments.environment_places import Places
    from modelship.testing.offline.environments.environment_registry import Environments
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.workers import Workers

__all__ = ["EnvironmentBuilds", "ImageBuilds"]

_BUILDS: Final = f"/environment/v2.0{WS}"
_BUILT: Final = ONE.replace("v1.0", "v2.0")
_SCRIPT: Final = "LocalUpload/modelship/nothing/score.py"
_STUB: Final = b"def init():\n    pass\n\n\ndef run(raw_data):\n    return None\n"
_TYPE: Final = "BuildEnvironment"
_SOON_S: Final = 3.0
_RECIPE: Final = {"useDocker": optional(bool), "platform": optional(str)}
_RUNNING: Final = {"NotStarted": "Queued", "Running": "Running"}


@dataclass(frozen=True)
class ImageBuilds(Part):
    """Builds images without deploying them.

    Parameters
    ----------
    store : Store
        Stores uploads and results.
    environments : Environments
        The registered environments.
    operations : Operations
        Store the state and the log of each build.
    places : Places
        Where environments are installed.
    workers : Workers
        Run the builds.
    """

    store: Store
    environments: Environments
    operations: Operations
    places: Places
    workers: Workers

    def begin(self, name: str, kind: str, make: Callable[[str], str | None]) -> str:
        """Begin an operation of this kind, and return its id.

        `make` does its work in a thread: it takes the id, and returns the result's location.
        """
        operation = self.operations.begin(name, kind=kind)
        work = partial(self.operations.carry_out, operation, partial(make, operation))
        # The SDK polls immediately, and then every five seconds.
        self.workers.run(work, name=f"build {name}", wait_s=_SOON_S)
        return operation


class EnvironmentBuilds(ImageBuilds):
    """Builds registered environments: resolves them and installs their packages."""

    # --- build ----------------------------------------------------------------------------

    @answers("environments.build", "POST", f"{_BUILT}/image")
    # Whichever machine is requested, this one builds.
    @answers("environments.build_on", "POST", f"{_BUILT}/imageoncompute/<compute>")
    def _build(self, request: Request, reference: str) -> Response:
        environment = self.environments.find(reference)
        install = partial(self._install, environment, self.places.default)
        operation = self.begin(environment["name"], _TYPE, install)
        base = request.path[: request.path.index("/environments/")]
        location = f"{request.host_url.rstrip('/')}{base}/builds/{operation}"
        return json_response({"location": location}, status=202)

    def _install(self, environment: dict[str, Any], kind: str, operation: str) -> None:
        """Install an environment, and record its location."""
        request = self._stub(environment)
        with ExitStack() as stack:
            image, steps = self.places.build(kind, request, operation=operation, stack=stack)
            where = self.places.place(kind, image, steps)
        if not self.workers.closed:
            built = self.store.documents("built-environments")
            with built.lock:
                kinds = self._where(environment) | {kind: where}
                built.put(_key(environment), {"kinds": kinds})

    def _stub(self, environment: dict[str, Any]) -> dict[str, Any]:
        """Return the request for an image that has this environment and does nothing."""
        write_atomic(self.store.blob(_SCRIPT), _STUB, durable=False)  # other builds read it
        return {
            "modelIds": [],
            "driverProgram": "score.py",
            "assets": [{"id": "score.py", "url": f"aml://artifact/{_SCRIPT}"}],
            "environment": {**environment, "inferencingStackVersion": "latest"},
        }

    @answers("environments.built", "GET", f"{_BUILDS}/builds/<operation>")
    def _status(self, request: Request, operation: str) -> dict[str, Any]:
        state = self.operations.find(operation)["state"]
        log = self.operations.log_address(operation, request)
        return {"status": _RUNNING.get(state, state), "logUrl": log}

    # --- what was built -------------------------------------------------------------------

    @answers("environments.image", "GET", f"{ONE}/image")
    def _details(self, reference: str) -> dict[str, Any]:
        environment = self.environments.find(reference)
        kinds = self._where(environment)
        where = kinds.get("docker") or kinds.get("process")
        return self.places.details(_key(environment), where)

    @answers("environments.recipe", "POST", f"{ONE}/recipe", shape=_RECIPE)
    def _recipe(self, body: dict[str, Any], reference: str) -> dict[str, Any]:
        """Build immediately, and answer with scripts that print the environment's location."""
        environment = self.environments.find(reference)
        kind = "docker" if body.get("useDocker") else "process"
        operation = self.operations.begin(environment["name"], kind=_TYPE)
        install = partial(self._install, environment, kind, operation)
        self.operations.carry_out(operation, install)
        log = self.operations.log(operation)
        if self.operations.find(operation)["state"] == "Failed":
            message = f"The environment cannot be built: {last_lines(log, 5)}"
            raise RefusalError(400, "EnvironmentBuildFailed", message)
        return _scripts(log, self._where(environment)[kind]["says"])

    def _where(self, environment: dict[str, Any]) -> dict[str, Any]:
        """Return the location of an installed environment, by the kind of the place."""
        built = self.store.documents("built-environments")
        found = built.get(_key(environment)) or {"kinds": {}}
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
