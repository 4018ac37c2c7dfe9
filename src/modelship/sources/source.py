"""Define ModelSource: the origin of a model."""

from __future__ import annotations

import os
import re
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from modelship.errors import (
    DigestMismatchError,
    FetchError,
    InvalidOptionError,
    ModelshipError,
)
from modelship.registry import Registry, check_options
from modelship.sources.model import Model, check_name
from modelship.staging import put_in_place, stage_in

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SOURCES", "ModelSource", "Wanted"]

SOURCES: Final = Registry(
    kind="source",
    group="modelship.sources",
    builtins={
        "file": "modelship.sources.file:FileSource",
        "http": "modelship.sources.url:UrlSource",
        "https": "modelship.sources.url:UrlSource",
        "azureml": "modelship.sources.registered:RegisteredSource",
    },
)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_EXPECTED: Final = "a path, a URI, or a fitted estimator with predict() or transform()"


@dataclass(frozen=True)
class Wanted:
    """The name, version and digest that the caller of :meth:`ModelSource.open` requests."""

    name: str | None = None
    version: str | None = None
    sha256: str | None = None


class ModelSource(ABC):
    """The origin of a model; a plug-in.

    Users call :meth:`open` and :meth:`fetch`. Authors of a source for the scheme ``s3:`` implement
    two methods, :meth:`from_uri` and :meth:`download`, and register the class as an entry point
    named ``s3`` in the group ``modelship.sources``. This class does everything else: the name, the
    digest, the check that the file is complete, and that it is put in its place atomically. Such a
    source raises a :class:`FetchError` or a :class:`ModelNotFoundError`; any ``OSError`` is
    converted to one.
    """

    wanted: Wanted = Wanted()
    """The requested name, version and digest of the model; :meth:`open` sets it."""

    trusted: ClassVar[bool] = False
    """Whether the source is an object of this process, which can be loaded again as it is."""

    names_are_yours: ClassVar[bool] = False
    """Whether the file names are the user's own; if not, no files are treated as hidden."""

    @staticmethod
    def open(
        location: object,
        *,
        name: str | None = None,
        version: str | None = None,
        sha256: str | None = None,
        **options: Any,
    ) -> ModelSource:
        """Return the source of the model at `location`, without fetching it.

        Parameters
        ----------
        location : object
            The path of a file or a folder; a URI such as ``https://host/model.pkl`` or
            ``azureml:name:version``; or a fitted estimator in memory.
        name : str, optional
            The name of the model; by default derived from the file name.
        version : str, optional
            The version of the model; by default that of the registered model, or else ``"1"``.
        sha256 : str, optional
            The expected hex digest of the model.
        **options
            The keyword parameters of the source's ``from_uri``, such as ``workspace`` for
            ``azureml:``.

        Raises
        ------
        InvalidNameError, InvalidOptionError
            If an argument is invalid.
        ModelNotFoundError
            If `location` is a path that does not exist.
        UnknownPluginError
            If no source is registered for the scheme of the URI.
        """
        if name is not None:
            check_name(name, kind="model")
        if version is not None:
            check_name(version, kind="model version")
        source = _source_of(location, options)
        wanted = Wanted(name=name, version=version, sha256=_checked_sha256(sha256))
        object.__setattr__(source, "wanted", wanted)  # a third-party class may be frozen
        return source

    @classmethod
    @abstractmethod
    def from_uri(cls, uri: str) -> ModelSource:
        """Return the source for `uri`, which starts with the scheme registered for the class.

        Implementations may have additional keyword parameters: they are the options that
        :meth:`open` accepts for this scheme.

        Raises
        ------
        InvalidOptionError
            If the rest of the URI is invalid.
        """

    @abstractmethod
    def download(self, folder: Path) -> str:
        """Write one file or one folder into the empty `folder`, and return its name."""

    @property
    def origin(self) -> str:
        """The URI of the registered model, once it is known; ``""`` if there is none."""
        return ""

    @property
    def location(self) -> str:
        """The location for messages; it must not contain a secret."""
        return type(self).__name__

    def fetch(self, folder: str | Path = ".") -> Model:
        """Fetch the model into `folder`, check it, and return it.

        The operation is atomic: on any error or interrupt, nothing is left behind, and a model that
        was already there is kept. A file that is already in its place is only checked.

        Parameters
        ----------
        folder : str or Path
            The destination folder; created if it does not exist.

        Raises
        ------
        FetchError
            If the model cannot be fetched or written.
        CorruptModelError
            If the fetched file is truncated, empty, or not a pickle although its name says so.
        DigestMismatchError
            If its sha256 differs from the one given to :meth:`open`.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise InvalidOptionError("folder", str(folder), "a folder, and this is a file")
        try:
            there = self._already_in(folder)
            return self._checked(there) if there else self._fetch_into(folder)
        except OSError as error:
            raise FetchError(location=self.location, cause=_cause(error)) from error

    def _already_in(self, folder: Path) -> Path | None:  # noqa: ARG002 - for those who override it
        """Return the path of the model if fetching into `folder` would copy it onto itself."""
        return None

    def _fetch_into(self, folder: Path) -> Model:
        with stage_in(folder) as stage:
            arrivals = stage / "new"
            arrivals.mkdir()
            arrived = arrivals / self._check_arrival(self.download(arrivals), arrivals)
            model = self._checked(arrived)
            moved = replace(model, path=folder / arrived.name)
            put_in_place(
                arrived, moved.path, aside=stage / "old", is_there=lambda: _is_there(moved)
            )
        moved.__dict__["passport"] = model.passport  # the same bytes
        return moved

    def _check_arrival(self, name: str, folder: Path) -> str:
        found = sorted(entry.name for entry in folder.iterdir())
        if found != [name]:
            cause = f"download() returned {name!r}, but wrote {found}; it has to write just that"
            raise FetchError(self.location, cause, advice="Tell the author of this source.")
        # A hidden file may belong to a program, such as the startup file of a shell.
        if name.startswith(".") and not self.names_are_yours:
            cause = f"its name is {name!r}, that of a hidden file, which is not written anywhere"
            raise FetchError(self.location, cause, advice="Rename it at its source.")
        return name

    def _checked(self, path: Path) -> Model:
        model = Model.read(
            path,
            name=self.wanted.name,
            version=self.wanted.version or "1",
            origin=self.origin,
            trusted=self.trusted,
        )
        if self.wanted.sha256 not in (None, model.digest):
            raise DigestMismatchError(
                what=self.location, expected=str(self.wanted.sha256), found=model.digest
            )
        return model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"


def _is_there(model: Model) -> bool:
    """Return whether the path of a model has its content; others may be reading it."""
    try:
        model.verify()
    except (ModelshipError, OSError):
        return False
    return not model.path.is_symlink()


def _source_of(location: object, options: Mapping[str, Any]) -> ModelSource:
    from modelship.sources.file import FileSource
    from modelship.sources.memory_source import MemorySource

    if isinstance(location, str) and location:
        scheme = _SCHEME.match(location)
        if scheme and not os.path.lexists(location):
            from_uri = SOURCES.load(scheme[1].lower()).from_uri
            check_options(f"the source {scheme[1]}:", from_uri, options, after=1)
            source: ModelSource = from_uri(location, **options)
            return source
    check_options("a source that no URI names", None, options)
    if isinstance(location, str) and location:
        return FileSource(Path(location))
    if isinstance(location, Path):
        return FileSource(location)
    if _is_estimator(location):
        return MemorySource(location)
    found = location if isinstance(location, str) else type(location).__name__
    raise InvalidOptionError(option="location", found=found, expected=_EXPECTED)


def _cause(error: OSError) -> str:
    # Not str(error): the HTTP library of a plug-in may include a signed URL in it.
    if isinstance(error, shutil.Error):
        return "; ".join(str(failure[2]) for failure in error.args[0])
    where = f" ({error.filename})" if isinstance(error.filename, str) else ""
    return (error.strerror or type(error).__name__) + where


def _is_estimator(thing: object) -> bool:
    if isinstance(thing, type):
        return False
    return hasattr(thing, "predict") or (hasattr(thing, "fit") and hasattr(thing, "transform"))


def _checked_sha256(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256.lower()):
        raise InvalidOptionError("sha256", sha256, "64 hexadecimal digits")
    return sha256.lower()
