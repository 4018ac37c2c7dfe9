"""Define Model: files on disk, their digest, and their content as read without loading."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import (
    CorruptModelError,
    DigestMismatchError,
    InvalidNameError,
    ModelLoadError,
    ModelshipError,
    UntrustedModelError,
)
from modelship.sources._load_advice import advice_on_loading, way_to_load
from modelship.sources._native import DILL_SCRIPT, is_by_dill, load_dill
from modelship.sources._told import Told
from modelship.sources.formats import FORMATS
from modelship.sources.model_files import ModelFile, check_there, digest_of, files_of, stamps_of
from modelship.sources.passport import Passport, read_passport
from modelship.sources.schema_text import answers, takes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.sources.contents import Contents
    from modelship.sources.formats import ModelFormat, ScriptLines
    from modelship.tables import Schema

__all__ = ["Model", "ModelFile", "check_name", "digest_of"]

_MAX_NAME: Final = 255
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
_NEWER: Final = re.compile(r"unsupported.{0,40}version|under development", re.IGNORECASE)
_NAME_RULE: Final = (
    "1 to 255 letters, digits, dots, underscores and dashes, beginning with a letter or a digit"
)


@dataclass(frozen=True, repr=False)
class Model:
    r"""A trained model on disk; :meth:`read` and :meth:`ModelSource.fetch` create one.

    Attributes
    ----------
    name : str
        The name, which is valid in Azure ML.
    version : str
        The version, which follows the same rule.
    path : Path
        The model file or folder.
    files : tuple[ModelFile, ...]
        The files of the model, sorted by path.
    digest : str
        Hex sha256: of the file; for a folder, of the lines ``path\0sha256\n`` of `files`.
    model_format : ModelFormat
        The format, which defines how the model is read, loaded and served.
    origin : str
        The URI of the registered model that it was fetched from, ``azureml://…``; else ``""``. It
        is ignored in comparisons.
    trusted : bool
        Whether it was an object of this process, so that loading it runs no code that is not
        already here. It is ignored in comparisons too.
    """

    name: str
    version: str
    path: Path
    files: tuple[ModelFile, ...]
    digest: str
    model_format: ModelFormat
    origin: str = field(default="", compare=False)
    trusted: bool = field(default=False, compare=False)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        name: str | None = None,
        version: str = "1",
        origin: str = "",
        trusted: bool = False,
    ) -> Model:
        """Describe the model at `path`, without loading it.

        Parameters
        ----------
        path : str or Path
            The model file or folder.
        name : str, optional
            The name; by default that of the file without its suffix, made valid.
        version : str
            Its version.
        origin : str
            The URI of the registered model; see :class:`Model`.
        trusted : bool
            Whether the author of the file is known and may run code here; see :class:`Model`.

        Raises
        ------
        ModelNotFoundError
            If `path` does not exist.
        CorruptModelError
            If it is empty, truncated, not a pickle although its name says so, or changed while it
            was read.
        InvalidNameError
            If `name` or `version` is not valid in Azure ML.
        """
        path = Path(path)
        # "." and ".." have no name that a service could use for them.
        path = path.resolve() if path.name in ("", "..") else path
        check_there(path)
        name = _default_name(path) if name is None else check_name(name, kind="model")
        check_name(version, kind="model version")
        before = stamps_of(path)
        passport = read_passport(path)
        files = files_of(path)
        if stamps_of(path) != before:  # the checked content might differ from the hashed one
            problem = "it was changed while it was read"
            raise CorruptModelError(str(path), problem, "Read it when no process writes to it.")
        digest = digest_of(path, files)
        known = FORMATS[passport.format]
        model = cls(name, version, path, files, digest, known, origin, trusted)
        model.__dict__["passport"] = passport  # just read, so do not read it again
        return model

    @property
    def format(self) -> str:
        """The name of the format, as in :class:`Passport`."""
        return self.model_format.name

    @property
    def root(self) -> Path:
        """The folder that the paths in :attr:`files` are relative to."""
        return self.path.parent

    @cached_property
    def passport(self) -> Passport:
        """The facts in the files that can be read without loading them; cached."""
        return read_passport(self.path)

    @cached_property
    def schema(self) -> Schema:
        """The columns and answers of the model according to its files, read without loading it.

        Facts that are not in the files are unknown: ``Schema()`` if there are none.
        """
        return self._told.schema

    @property
    def contents(self) -> Contents:
        """The content of the file, read without loading it; unknown if it cannot be determined."""
        return self._told.contents

    @property
    def script_lines(self) -> ScriptLines | None:
        """The lines for this model in a generated scoring script; None if none can be generated."""
        return DILL_SCRIPT if is_by_dill(self.passport) else self.served[1].script

    @cached_property
    def _told(self) -> Told:
        return self.model_format.tells(self.path) if self.passport.complete else Told()

    @cached_property
    def served(self) -> tuple[str, ModelFormat]:
        """The path of the file that a service loads, as in :attr:`files`, and its format.

        If a folder does not specify that file, these are its first file and the folder's format.
        """
        within = self.model_format.file_in(self.path) if self.model_format.file_in else ""
        if not within:
            return self.files[0].path, self.model_format
        path = self.path / within
        return path.relative_to(self.root).as_posix(), FORMATS.of(path)

    def verify(self) -> None:
        """Hash the files again, and raise if they differ from the files described here.

        Raises
        ------
        ModelNotFoundError
            If the model no longer exists.
        DigestMismatchError
            If its content has changed.
        """
        check_there(self.path)
        found = digest_of(self.path, files_of(self.path))
        if found != self.digest:
            raise DigestMismatchError(what=str(self.path), expected=self.digest, found=found)

    def load(self, *, trust_model: bool = False) -> Any:
        """Verify the digest, load the model, and return the object.

        Loading may run code from the file. So a file whose passport is not
        :attr:`~Passport.safe_to_load` is rejected, unless you trust it. This is the only place
        where modelship loads a model in this process. scikit-learn's ``InconsistentVersionWarning``
        is shown once.

        Parameters
        ----------
        trust_model : bool
            Load the model even if it runs code, because you know its author.

        Raises
        ------
        UntrustedModelError
            If loading could run code that is not known to be safe, and the model is not trusted.
        DigestMismatchError
            If the content has changed since the model was described.
        ModelLoadError
            If its format cannot be loaded here, or loading fails.
        MissingExtraError
            If joblib is not installed.
        """
        loader = load_dill if is_by_dill(self.passport) else self.model_format.loader
        if loader is None:
            cause = f"no installed package loads the format {self.format!r}"
            raise ModelLoadError(path=str(self.path), cause=cause, advice=way_to_load(self.path))
        trusted = trust_model or self.trusted
        if self.passport.obstacles and not trusted:
            raise UntrustedModelError(path=str(self.path), reasons=self.passport.obstacles)
        loader = (self.model_format.trusting if trusted else None) or loader
        self.verify()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                loaded = loader(self.path)
            except ModelshipError:
                raise
            except Exception as error:
                raise self._load_error(error) from error
        _warn_once(caught)
        return loaded

    def __repr__(self) -> str:
        told = (self.contents.title, takes(self.schema), answers(self.schema))
        known = "; ".join((self.format, *filter(None, told)))
        return f"<Model {self.name}:{self.version} ({known})>"

    def _repr_html_(self) -> str:
        from modelship.sources._pictured import model_html

        return model_html(self)

    def _load_error(self, error: Exception) -> ModelLoadError:
        cause = f"{type(error).__name__}: {error}".rstrip(": \n.")
        writer = self.passport.written_by if self.passport.libraries else ""
        saved_with = self.model_format.saved_with
        if writer or not self.model_format.runs_on:
            wrote = dict(self.passport.libraries)
            advice = advice_on_loading(error, wrote=wrote, saved_with=saved_with)
            return ModelLoadError(str(self.path), cause, written_by=writer, advice=advice)
        advice = f"Save it again with {saved_with}, and load it there."
        if _NEWER.search(cause):
            advice = f"Install a newer release: pip install -U {self.model_format.runs_on}"
        return ModelLoadError(str(self.path), cause, advice=advice)


def check_name(name: object, *, kind: str) -> str:
    """Return `name` if it is valid in Azure ML, else raise InvalidNameError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidNameError(name=name, kind=kind, rule=_NAME_RULE)
    return name


def _default_name(path: Path) -> str:
    stem = path.name if path.is_dir() else path.stem
    ends = FORMATS.loadable_suffixes
    stem = stem.removesuffix(next((end for end in ends if stem.endswith(end)), ""))
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", stem).lstrip("._-")[:_MAX_NAME] or "model"


def _warn_once(caught: Iterable[warnings.WarningMessage]) -> None:
    """Issue the warnings of loading again; version warnings once, not for each part of a model."""
    shown = False
    for warning in caught:
        if warning.category.__name__ == "InconsistentVersionWarning":
            if shown:
                continue
            shown = True
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
