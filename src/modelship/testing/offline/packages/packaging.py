"""Packages of models: ``Model.package``, as a Docker image or as a build context for one."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.layout import model_dir
from modelship.bundle.store import stage
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.dockerfiles import APP_ROOT, PORT, USER, VENV
from modelship.runtime.images.engine import connected
from modelship.runtime.servers import Server
from modelship.testing.offline.control import MMS
from modelship.testing.offline.environments.building import ImageBuilds
from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.offline_app import answers
from modelship.testing.offline.request_guard import Door
from modelship.testing.offline.service_requests import check_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.progress import Steps
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.nocode.no_code import NoCode

__all__ = ["Packages"]

_CONTEXT: Final = "DockerBuildContext"
_KINDS: Final = {_CONTEXT: "PackageDockerBuildContext", "DockerImage": "PackageDockerImage"}
_NAME: Final = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")
_LABEL: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
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
_APP: Final = "azureml-app"  # the folder with the files of the service; the SDK adds to it

_ROOT_USER: Final = (
    "# The SDK's LocalWebservice copies files into the container with their owner and mode: only\n"
    "# root can read all of them.\n"
    "USER 0:0"
)


@dataclass(frozen=True)
class Packages(ImageBuilds):
    """Builds packages with the local Docker engine.

    Parameters
    ----------
    nocode : NoCode
        Completes requests that only name a model.
    """

    nocode: NoCode

    @answers("packages.create", "POST", f"{MMS}/packages", shape=_SHAPE)
    def _create(self, request: Request, body: dict[str, Any]) -> Response:
        kind = _KINDS.get(body["packageType"])
        if kind is None:
            known = " or ".join(_KINDS)
            raise RefusalError(400, "BadArgument", f"packageType is not {known}.")
        image = self.nocode.completed_image(body["imageRequest"])
        definition = image.get("environment") or {}
        check_shape(definition, _ENVIRONMENT)
        _check_image_name(body)
        check_models(self.store, {"environmentImageRequest": image})
        name = definition.get("name") or "package"
        environment = self.environments.register(
            name, definition, version=definition.get("version")
        )
        image["environment"] = {**definition, "version": environment["version"]}
        make = partial(self._made, body | {"imageRequest": image}, request.path.rstrip("/"))
        return self.operations.accepted(self.begin(name, kind, make), request)

    @answers("packages.manifest", "GET", f"{MMS}/packages/<operation>/manifest", door=Door.ADDRESS)
    def _manifest(self, operation: str) -> dict[str, Any]:
        message = f"There is no package {operation}."
        manifests = self.store.documents("packages")
        return manifests.require(operation, "PackageNotFound", message)

    # --- one package ----------------------------------------------------------------------

    def _made(self, asked: dict[str, Any], base_path: str, operation: str) -> str:
        """Build a package, and return its location: an image, or a path of the workspace."""
        wanted = asked["imageRequest"]
        with ExitStack() as stack:
            image, steps = self.places.build("docker", wanted, operation=operation, stack=stack)
            base = self.places.environment(image, steps)
            if asked["packageType"] == _CONTEXT:
                environment = wanted["environment"]
                self._write_context(image, operation, base=base, environment=environment)
                return f"{base_path}/{operation}/manifest"
            return self._build_image(image, operation, steps, base=base, asked=asked)

    def _write_context(
        self, image: Image, operation: str, *, base: str, environment: Mapping[str, Any]
    ) -> None:
        """Store a build context: the Dockerfile in its manifest, and the files as an artifact."""
        key = f"LocalUpload/package-{operation}/context.tar"
        blob = self.store.new_blob(key)
        with _files(image, scratch=self.store.drafts) as archive, blob.open("wb") as file:
            file.writelines(archive)
        text = _dockerfile(image, base=base, label=self.places.registry.label, runs_as_root=True)
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
        named = {name: environment[name] for name in ("name", "version")}
        manifest = {"context": [inline, remote], "environment": named}
        self.store.documents("packages").put(operation, manifest)

    def _build_image(
        self, image: Image, operation: str, steps: Steps, *, base: str, asked: dict[str, Any]
    ) -> str:
        name = asked.get("imageName") or "package"
        label = asked.get("imageLabel") or operation[:8]
        full = self.places.registry.name(name, label=label)
        text = _dockerfile(image, base=base, label=self.places.registry.label, runs_as_root=False)
        with _files(image, scratch=self.store.drafts) as archive, connected() as engine:
            content = {"Dockerfile": text.encode(), **archive.files}
            log = engine.build(Archive(content, archive.folders), tag=full, deadline=steps.deadline)
        self.operations.write(operation, f"{log}\nThe image is {full}.")
        return full


def _dockerfile(image: Image, *, base: str, label: str, runs_as_root: bool) -> str:
    """Return the Dockerfile of a package, based on the image of its environment, `base`.

    Everything that is built from it has the label, such as ``"key=value"``.
    """
    command = [
        *(f"{VENV}/bin/python", "-m", Server.named("azmlinfsrv").module),
        *("--entry_script", image.bundle.entry_script, "--port", str(PORT)),
    ]
    variables = {
        "AZUREML_MODEL_DIR": f"{APP_ROOT}/{model_dir(image.bundle.models)}",
        **image.variables,
    }
    lines = [
        f"FROM {base}",
        f"LABEL {label}",
        "USER 0:0",
        *(f"ENV {name}={_quoted(value)}" for name, value in variables.items()),
        f"COPY {_APP} {APP_ROOT}",
        f"CMD {json.dumps(command)}",
        _ROOT_USER if runs_as_root else f"USER {USER}:{USER}",
    ]
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def _files(image: Image, *, scratch: Path) -> Iterator[Archive]:
    """Yield the files of a service, laid out in `scratch`, as an archive of ``azureml-app/``."""
    with tempfile.TemporaryDirectory(prefix="package-", dir=scratch) as name:
        folder = Path(name)
        stage(image.bundle, folder)
        found = {
            f"{_APP}/{path.relative_to(folder).as_posix()}": path
            for path in folder.rglob("*")
            if path.is_file()
        }
        yield Archive(found, [_APP])


def _quoted(value: str) -> str:
    """Quote a value so that a Dockerfile neither splits it nor expands variables in it."""
    return json.dumps(value, ensure_ascii=False).replace("$", "\\$")


def _check_image_name(asked: Mapping[str, Any]) -> None:
    for field, pattern in (("imageName", _NAME), ("imageLabel", _LABEL)):
        given = asked.get(field)
        if given and not pattern.fullmatch(given):
            message = f"{field} is {given!r}, which Docker does not accept."
            raise RefusalError(400, "BadArgument", message)
