"""Turn a deployment request into a bundle that a backend can run.

The environment is locked, once for each text of its specification. The uploaded script and models
become those of a bundle, which is laid out as on every other target.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import threading
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle import Environment, Lock, ScoringBundle
from modelship.bundle.remembered import todays_lock
from modelship.bundle.scoring_script import SourceFile
from modelship.errors import EnvironmentSpecError
from modelship.sources import Model
from modelship.sources.formats import FOLDER
from modelship.sources.model import ModelFile, digest_of
from modelship.sources.model_files import sha256_of
from modelship.staging import write_atomic
from modelship.testing.offline.artifacts import artifact_files
from modelship.testing.offline.registries.registry_store import model_document, model_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from modelship.bundle import Resources
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.specifications import Specification

__all__ = ["Image", "Images", "link_or_copy"]

_MOST_UNPACKED_BYTES: Final = 1 << 30
_MOST_UNPACKED_FILES: Final = 20_000
_LONGEST_PART: Final = 240
_TOO_MUCH: Final = (
    f"more than {_MOST_UNPACKED_BYTES >> 20} MiB or {_MOST_UNPACKED_FILES} files are in it."
)


@dataclass(frozen=True)
class Image:
    """What a container is started from.

    Parameters
    ----------
    bundle : ScoringBundle
        The script, the environment, the models and the resources.
    variables : Mapping[str, str]
        The environment variables that the user requested.
    """

    bundle: ScoringBundle
    variables: Mapping[str, str]

    def with_variables(self, variables: Mapping[str, str]) -> Image:
        """Return the image with variables added or replaced."""
        return replace(self, variables=MappingProxyType({**self.variables, **variables}))

    def with_workers(self, count: int) -> Image:
        """Return the image with at least this many worker processes in its server."""
        asked = self.variables.get("WORKER_COUNT", "1")
        total = count * (int(asked) if asked.isdecimal() else 1)
        return self if count == 1 else self.with_variables({"WORKER_COUNT": str(total)})


class Images:
    """Creates images from requests.

    Parameters
    ----------
    store : Store
        Stores the artifacts, the models and the locks.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locking = threading.Lock()

    def lock(self, specification: Specification) -> tuple[Environment, Lock]:
        """Return the environment of a specification and its lock, which is resolved only once.

        The requirements include more than its text: what modelship adds changes between releases.

        Raises
        ------
        EnvironmentSpecError
            If it cannot be read or resolved.
        """
        text = specification.text
        folder = self._store.folder / "environments"
        folder.mkdir(exist_ok=True)
        path = folder / f"{_short_digest(text)}.yml"
        with self._locking:
            write_atomic(path, text, durable=False)  # others read it at the same time
            environment = Environment.read(path)
            needs = "\n".join((environment.python, *environment.requirements))
            kept = folder / f"{_short_digest(needs)}.lock.json"
            if not kept.exists():
                found = todays_lock(environment)
                write_atomic(kept, json.dumps({"python": found.python, "text": found.text}))
        return environment, Lock(**json.loads(kept.read_text()))

    def source(self, request: Mapping[str, Any]) -> tuple[str, tuple[SourceFile, ...]]:
        """Return the entry script's path and the files of a service, without the models.

        Raises
        ------
        EnvironmentSpecError
            If an asset is missing or cannot be unpacked.
        """
        files: dict[str, SourceFile] = {}
        for asset in request.get("assets") or ():
            for file in self._asset(asset):
                files[file.path] = file
        script = _variables(request).get("AZUREML_ENTRY_SCRIPT") or request.get("driverProgram")
        return str(script or "score.py"), tuple(files[path] for path in sorted(files))

    @contextmanager
    def assembled(
        self,
        request: Mapping[str, Any],
        *,
        environment: Environment,
        lock: Lock,
        entry_script: str,
        source: Iterable[SourceFile],
        resources: Resources,
    ) -> Iterator[Image]:
        """Assemble an image; the files of its models exist until the body ends."""
        models = enumerate(sorted(set(request.get("modelIds") or ())))  # a repeated id counts once
        folder = Path(tempfile.mkdtemp(prefix="model-", dir=self._store.drafts))
        try:
            bundle = ScoringBundle.from_parts(
                lock=lock,
                models=tuple(self._model(each, folder / str(number)) for number, each in models),
                entry_script=entry_script,
                source=tuple(source),
                environment=environment,
                sample_json=None,
                resources=resources,
                tags=MappingProxyType({}),
                description="",
            )
            yield Image(bundle, MappingProxyType(_variables(request)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _asset(self, asset: Mapping[str, Any]) -> Iterator[SourceFile]:
        name = str(asset.get("id"))
        if prefix := asset.get("prefix"):  # a folder of artifacts, as SDK v2 uploads code
            yield from _folder(artifact_files(self._store, prefix), name=name)
            return
        blob = self._store.blob(str(asset.get("url", "")).removeprefix("aml://artifact/"))
        if not blob.is_file():
            raise EnvironmentSpecError(name, "this asset was not uploaded.")
        content = blob.read_bytes()
        if asset.get("unpack"):
            yield from _unpacked(content, name=name)
        else:
            yield SourceFile(_inside(name, archive="the request"), content)

    def model_files(self, model_id: str) -> dict[str, Path]:
        """Return the files of a model by their paths in its folder.

        Raises
        ------
        EnvironmentSpecError
            If there is no such model, or it has no files.
        """
        model = model_document(self._store, model_id)
        if model is None:
            raise EnvironmentSpecError(model_id, "this model is not registered.")
        asset_id = str(model.get("url", "")).removeprefix("aml://asset/")
        asset = self._store.documents("assets").get(asset_id) or {}
        files: dict[str, Path] = {}
        for artifact in asset.get("artifacts") or ():
            files |= artifact_files(self._store, artifact.get("prefix") or artifact.get("id") or "")
        if not files:
            raise EnvironmentSpecError(model_id, "the files of this model are gone.")
        return {_inside(path, archive=model_id): files[path] for path in files}

    def _model(self, model_id: str, folder: Path) -> Model:
        name, version = model_place(model_id)
        return _staged(name, version, self.model_files(model_id), folder)


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _variables(request: Mapping[str, Any]) -> dict[str, str]:
    given = (request.get("environment") or {}).get("environmentVariables") or {}
    return {str(name): str(value) for name, value in given.items() if value is not None}


def _folder(files: Mapping[str, Path], *, name: str) -> Iterator[SourceFile]:
    """Read the files of a folder; their paths begin with its name."""
    if not files:
        raise EnvironmentSpecError(name, "its files were not uploaded.")
    for path, file in files.items():
        inside = path.partition("/")[2] or path
        yield SourceFile(_inside(inside, archive=name), file.read_bytes())


def _unpacked(content: bytes, *, name: str) -> Iterator[SourceFile]:
    """Read a tar archive; only its own members are read, so no link can lead outside."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
            left_bytes = _MOST_UNPACKED_BYTES
            for count, member in enumerate(archive):
                path = _inside(member.name, archive=name)
                file = None if member.isdir() else archive.extractfile(member)
                data = file.read(left_bytes + 1) if file is not None else b""
                left_bytes -= len(data)
                if left_bytes < 0 or count >= _MOST_UNPACKED_FILES:
                    raise EnvironmentSpecError(name, _TOO_MUCH)
                if file is not None:
                    yield SourceFile(path, data)
    except (tarfile.TarError, KeyError, EOFError, OSError, RecursionError, zlib.error) as error:
        raise EnvironmentSpecError(name, f"it cannot be unpacked: {error}.") from error


def _inside(path: str, *, archive: str) -> str:
    pure = PurePosixPath(path)
    if any(len(part.encode("utf-8", "replace")) > _LONGEST_PART for part in pure.parts):
        raise EnvironmentSpecError(archive, "a name in it is too long.")
    if pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise EnvironmentSpecError(archive, f"the path {path!r} points outside of it.")
    return pure.as_posix()


def _staged(name: str, version: str, files: Mapping[str, Path], folder: Path) -> Model:
    """Lay out the files of a model in `folder` under their own names, and describe them."""
    for path, file in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(file, place)
    described = tuple(
        ModelFile(path, (folder / path).stat().st_size, sha256_of(folder / path))
        for path in sorted(files)
    )
    root = folder / "model"
    return Model(name, version, root, described, digest_of(root, described), FOLDER)


def link_or_copy(file: Path, place: Path) -> None:
    """Make a file appear at another place, with a link where the disk allows it."""
    try:
        os.link(file, place)
    except OSError:  # on another disk, or on one without links
        shutil.copyfile(file, place)
