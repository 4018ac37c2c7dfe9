"""Packages of models: ``Model.package``, as a Docker image or as a build context for one."""

from __future__ import annotations

import base64
import json
import re
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import ModelshipError
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.engine import connected
from modelship.testing.offline.builds import Build
from modelship.testing.offline.control import MMS
from modelship.testing.offline.deployment_failures import DeploymentFailure, never_started
from modelship.testing.offline.json_exchange import (
    RefusalError,
    check_shape,
    json_object,
    json_response,
)
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.packages import context
from modelship.testing.offline.request_guard import Door
from modelship.testing.offline.service_references import check_models
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.environments.places import Places
    from modelship.testing.offline.environments.registered import Environments
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.nocode import NoCode
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.workers import Workers

__all__ = ["Packages"]

_CONTEXT: Final = "DockerBuildContext"
_KINDS: Final = {_CONTEXT: "PackageDockerBuildContext", "DockerImage": "PackageDockerImage"}
_NAME: Final = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")
_LABEL: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_SOON_S: Final = 3.0
_SHAPE: Final[dict[str, Any]] = {
    "packageType": str,
    "imageName": optional(str),
    "imageLabel": optional(str),
    "imageRequest": {"modelIds": [str], "assets": [{"id": str, "url": str}]},
}
_ENVIRONMENT: Final = {
    "name": optional(str),
    "environmentVariables": optional(dict),
    "python": optional(dict),
    "docker": optional(dict),
}
_NO_SERVER: Final = "The environment lists no azureml-defaults, so nothing in it serves the script."


class Packages:
    """Builds packages with the Docker engine of this machine.

    Parameters
    ----------
    store : Store
        Has what was uploaded, and keeps the packages.
    environments : Environments
        Where the environment of a package is registered.
    operations : Operations
        Hold the state and the log of each package.
    places : Places
        Where environments are installed.
    nocode : NoCode
        Completes requests that name a model alone.
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
        nocode: NoCode,
        workers: Workers,
    ) -> None:
        self._store = store
        self._environments = environments
        self._operations = operations
        self._places = places
        self._nocode = nocode
        self._workers = workers
        self._folder = store.folder / "packages"

    def calls(self) -> list[Call]:
        """Return what it answers."""
        manifest = f"{MMS}/packages/<operation>/manifest"
        return [
            Call("packages.create", "POST", f"{MMS}/packages", self._create),
            Call("packages.manifest", "GET", manifest, self._manifest, Door.ADDRESS),
        ]

    def _create(self, request: Request, **_scope: str) -> Response:
        asked = json_object(request, _SHAPE)
        kind = _KINDS.get(asked["packageType"])
        if kind is None:
            known = " or ".join(_KINDS)
            raise RefusalError(400, "BadArgument", f"packageType is not {known}.")
        image = self._nocode.completed_image(asked["imageRequest"])
        definition = image.get("environment") or {}
        check_shape(definition, _ENVIRONMENT)
        _check_image_name(asked)
        check_models(self._store, {"environmentImageRequest": image})
        name = definition.get("name") or "package"
        environment = self._environments.register(
            name, definition, version=definition.get("version")
        )
        image["environment"] = {**definition, "version": environment["version"]}
        operation = self._operations.begin(name, kind=kind)
        place = f"{request.path.rstrip('/')}/{operation}/manifest"
        work = partial(self._run, asked | {"imageRequest": image}, operation, place)
        # The SDK asks at once, and then every five seconds.
        self._workers.run(work, name=f"package {operation}", wait_s=_SOON_S)
        return self._operations.accepted(operation, request)

    def _manifest(self, _request: Request, *, operation: str, **_scope: str) -> Response:
        path = self._folder / f"{operation}.json"
        if not path.is_file():
            raise RefusalError(404, "PackageNotFound", f"There is no package {operation}.")
        return json_response(json.loads(path.read_text(encoding="utf-8")))

    # --- one package ----------------------------------------------------------------------

    def _run(self, asked: dict[str, Any], operation: str, place: str) -> None:
        try:
            with ExitStack() as stack:
                location = self._made(asked, operation, place, stack)
        except DeploymentFailure as failure:
            self._operations.end(operation, "Failed", error=failure.error)
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
            words = str(error) if isinstance(error, ModelshipError) else repr(error)
            self._operations.write(operation, words)
            self._operations.end(operation, "Failed", error=never_started(words).error)
        else:
            self._operations.end(operation, "Succeeded", location=location)

    def _made(self, asked: dict[str, Any], operation: str, place: str, stack: ExitStack) -> str:
        """Build a package, and return where it is: an image, or a path of the workspace."""
        document = {
            "name": "package",
            "environmentImageRequest": asked["imageRequest"],
            "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5},
        }
        build = Build.of(document, operation=operation, stage="", stack=stack)
        image = self._places.builder("docker", self._operations).build(build)
        if image is None:
            self._operations.write(operation, _NO_SERVER)
            raise never_started(_NO_SERVER)
        base = self._places.environment(image, build.steps)
        if asked["packageType"] == _CONTEXT:
            environment = asked["imageRequest"]["environment"]
            self._write_context(image, operation, base=base, environment=environment)
            return place
        return self._build_image(image, build, base=base, asked=asked)

    def _write_context(
        self, image: Image, operation: str, *, base: str, environment: Mapping[str, Any]
    ) -> None:
        """Keep a build context: the Dockerfile in its manifest, and the files as an artifact."""
        key = f"LocalUpload/package-{operation}/context.tar"
        blob = self._store.blob(key)
        blob.parent.mkdir(parents=True, exist_ok=True)
        with context.files(image, scratch=self._store.drafts) as archive, blob.open("wb") as file:
            file.writelines(archive)
        text = context.dockerfile(
            image, base=base, label=self._places.registry.label, runs_as_root=True
        )
        inline = {
            "entryType": "inline",
            "path": "Dockerfile",
            "encoding": "base64",
            "content": base64.b64encode(text.encode()).decode(),
        }
        remote = {
            "entryType": "remote",
            "path": ".",
            "uri": f"aml://artifact/{key}",
            "unpack": True,
        }
        manifest = {
            "context": [inline, remote],
            "environment": {name: environment[name] for name in ("name", "version")},
        }
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{operation}.json"
        path.write_text(json.dumps(manifest), encoding="utf-8")

    def _build_image(self, image: Image, build: Build, *, base: str, asked: dict[str, Any]) -> str:
        name = asked.get("imageName") or "package"
        label = asked.get("imageLabel") or build.operation[:8]
        full = self._places.registry.name(name, label=label)
        text = context.dockerfile(
            image, base=base, label=self._places.registry.label, runs_as_root=False
        )
        with context.files(image, scratch=self._store.drafts) as archive, connected() as engine:
            content = {"Dockerfile": text.encode(), **archive.files}
            log = engine.build(
                Archive(content, archive.folders), tag=full, deadline=build.steps.deadline
            )
        self._operations.write(build.operation, f"{log}\nThe image is {full}.")
        return full


def _check_image_name(asked: Mapping[str, Any]) -> None:
    for field, pattern in (("imageName", _NAME), ("imageLabel", _LABEL)):
        given = asked.get(field)
        if given and not pattern.fullmatch(given):
            message = f"{field} is {given!r}, which is not one that Docker takes."
            raise RefusalError(400, "BadArgument", message)
