"""Store the releases that a service can roll back to in its workspace.

Each is a version of a model such as ``modelship-releases-<service>``, found by the digest among its
properties. Its file has the content of the folder of :mod:`modelship.targets.kept` on this machine,
without the models of the bundle: these are already registered, and are fetched again.
"""

from __future__ import annotations

import copy
import json
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import parse, read_regular
from modelship.errors import StorageError, WorkspaceError
from modelship.sources.registered_content import DIGEST
from modelship.staging import stage_in, storing
from modelship.targets.kept import BUNDLE, KeptReleases
from modelship.targets.packed_tags import MOST_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from modelship.progress import Deadline
    from modelship.targets.release import Release
    from modelship.workspace.model_registry import ModelRegistry

__all__ = ["WorkspaceReleases"]

_TIMEOUT_S: Final = 600.0
_RELEASE: Final = "modelship.release"
_FILE: Final = "release.zip"
_MODELS: Final = "models.json"
_MOST_BYTES: Final = 2**30
_MOST_LIST_BYTES: Final = 2**20


class WorkspaceReleases(KeptReleases):
    """The releases of one service that its workspace and this machine keep.

    Parameters
    ----------
    workspace : ModelRegistry
        The workspace.
    model_name : str
        The name of the model whose versions they are.
    target, name : str
        See :class:`~modelship.targets.kept.KeptReleases`.
    """

    def __init__(
        self, workspace: ModelRegistry, *, model_name: str, target: str, name: str
    ) -> None:
        super().__init__(target, name)
        self._workspace = workspace
        self._model_name = model_name

    def within(self, deadline: Deadline) -> WorkspaceReleases:
        limited = copy.copy(self)
        limited._workspace = self._workspace.within(deadline)  # noqa: SLF001 - of its own class
        return limited

    def keep(self, release: Release) -> None:
        """Store a release here and in the workspace, once.

        Raises
        ------
        WorkspaceError
            If the workspace refuses.
        StorageError
            If the disk is full.
        """
        super().keep(release)
        if self._find(release.digest):
            return
        with tempfile.TemporaryDirectory(prefix="modelship-") as scratch:
            path = Path(scratch, _FILE)
            _pack(release, self.folder / release.digest, path)
            self._workspace.register(
                path,
                name=self._model_name,
                tags={"modelship.model": release.record().model[:MOST_CHARACTERS]},
                properties={_RELEASE: release.digest},
                description="A release that a service can roll back to",
                timeout_s=_TIMEOUT_S,
                doing="keep the release",
            )

    def existing(self, digest: str) -> Path:
        """Return the folder of a release on this machine; fetch it from the workspace if needed.

        Raises
        ------
        WorkspaceError
            If the workspace refuses.
        StorageError
            If neither has it, or one of its models is no longer registered.
        """
        if digest and not (self.folder / digest).exists() and (found := self._find(digest)):
            self._fetch(found, self.folder / digest)
        return super().existing(digest)

    def known_secrets(self, digest: str) -> tuple[str, ...]:  # noqa: ARG002 - none is kept here
        return ()

    def forget(self, *, but: Collection[str] = ()) -> None:
        super().forget(but=but)
        with suppress(WorkspaceError):  # the rest is small, and the next change removes it
            for model in self._workspace.models(name=self._model_name):
                if model.properties.get(_RELEASE, "") not in {*but, ""}:
                    self._workspace.delete(model.model_id)

    def _find(self, digest: str) -> str:
        """Return the id of the model that is the release of this digest, or ``""``."""
        found = self._workspace.models(name=self._model_name, properties={_RELEASE: digest})
        return found[0].model_id if found else ""

    def _fetch(self, model_id: str, folder: Path) -> None:
        with storing(folder), stage_in(folder.parent) as stage:
            self._workspace.download(model_id, stage)
            new = stage / "new"
            _unpack(stage / _FILE, new)
            models = parse(read_regular(new / _MODELS, most_bytes=_MOST_LIST_BYTES))
            for count, model in enumerate(models):
                self._fetch_model(model, new / BUNDLE / "models", stage / f"model-{count}")
            (new / _MODELS).unlink()
            if not folder.exists():
                new.rename(folder)

    def _fetch_model(self, model: dict[str, Any], models: Path, scratch: Path) -> None:
        """Fetch a model to its place in the bundle; loading checks its digest."""
        named = f"{model['name']}:{model['version']}"
        found = self._workspace.models(properties={DIGEST: model["digest"]})
        model_id = found[0].model_id if found else self._id_of(model["origin"])
        if not model_id:
            raise _useless(f"its model {named} is no longer in the workspace")
        self._workspace.download(model_id, scratch)
        place = models / model["name"] / model["version"] / model["path"]
        place.parent.mkdir(parents=True)
        [arrived] = scratch.iterdir()
        arrived.rename(place)

    def _id_of(self, origin: str) -> str:
        """Return the id of a model with another source, from its origin, or ``""``."""
        prefix = f"{self._workspace.location.uri}/models/"
        name, _, version = origin[len(prefix) :].partition("/versions/")
        is_there = origin.lower().startswith(prefix.lower()) and version.isdecimal()
        return f"{name}:{version}" if is_there else ""


def _pack(release: Release, folder: Path, path: Path) -> None:
    models = [
        {
            "name": model.name,
            "version": model.version,
            "path": model.path.name,
            "digest": model.digest,
            "origin": model.origin,
        }
        for model in release.bundle.models
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MODELS, json.dumps(models))
        for file in _files(folder):
            archive.write(file, file.relative_to(folder).as_posix())


def _files(folder: Path) -> Iterator[Path]:
    models = folder / BUNDLE / "models"
    for file in sorted(folder.rglob("*")):
        if file.is_file() and models not in file.parents:
            yield file


def _unpack(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if sum(each.file_size for each in archive.infolist()) > _MOST_BYTES:
            raise _useless("it is larger than a release may be")
        archive.extractall(folder)


def _useless(cause: str) -> StorageError:
    return StorageError(
        path="the release in the workspace",
        cause=cause,
        advice="Deploy its bundle again.",
    )
