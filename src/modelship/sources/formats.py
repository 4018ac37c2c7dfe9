"""Every format of models that is known: one table, which all other modules ask.

A new format is one entry in :data:`FORMATS`, and a module with its reader. What an entry says
decides how a file is recognized, read without loading it, loaded in this process, what its
environment has to hold, and how a generated scoring script loads it and predicts with it.

Formats are not plug-ins. The format of a model is in the digest of its bundle, and its reader
decides whether loading is safe, so neither may depend on what else is installed on a machine. A
model of another format is served with a scoring script and an environment that its user writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import CorruptModelError
from modelship.sources._archives import ZIP, read_archive
from modelship.sources._content import read_content
from modelship.sources._impostors import impostor
from modelship.sources._onnx import read_onnx
from modelship.sources._pickle_file import describe_pickle, load_pickle, read_pickle_file
from modelship.sources._skops import is_skops, read_skops
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._told import Told, tell_pickle
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelship.sources._parts import Described, Part

__all__ = ["FOLDER", "FORMATS", "OTHER", "Formats", "ModelFormat", "ScriptLines"]


@dataclass(frozen=True, kw_only=True)
class ScriptLines:
    """What a generated scoring script says of a format.

    Attributes
    ----------
    imports : tuple[str, ...]
        Its imports of packages, one line each, sorted.
    load : str
        An expression that loads the model from ``{path}``, which is an expression as well.
    predict : str
        An expression that predicts with ``model`` for the array ``data``, as plain lists.
    """

    imports: tuple[str, ...]
    load: str
    predict: str


def _read_other(part: Part) -> Described:
    """Read a file of no known format: what a loader would unpickle of it counts."""
    if part.first.startswith(ZIP):
        return part.described(OTHER.name, read_archive(part.path, part.budget))
    with part.opened() as open_:
        content = read_content(open_)
    if content.is_pickle:
        return describe_pickle(part, content.read)
    return part.described(OTHER.name, content.read.findings)


def _nothing(path: Path) -> Told:  # noqa: ARG001 - others look into the file
    return Told()


def _always(path: Path) -> bool:  # noqa: ARG001 - others look into the file
    return True


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelFormat:
    """All that is known of one format.

    A file is of this format if it has one of the `suffixes`, or begins as its files do and
    `confirms` says so. Without `loader` a model is not loaded in this process, and without
    `script` its scoring script is its user's to write.

    Attributes
    ----------
    name : str
        What :attr:`Model.format` is, such as ``"skops"``.
    title : str
        What a file of it is called in messages, such as ``"skops file"``.
    suffixes : tuple[str, ...]
        What the names of its files end with, in lower case.
    packed_suffixes : tuple[str, ...]
        What may follow these if its loader unpacks files.
    begins : tuple[bytes, ...]
        What its files begin with, one of these; empty if that does not tell.
    confirms : Callable[[Path], bool]
        Returns whether a file that begins so is of this format.
    reader : Callable[[Part], Described]
        Reads one file without loading it. It raises EndedEarlyError if the file ends where more
        must follow, MalformedError if it is not of this format, and UndescribedError if it was not
        read to its end. What another loader would unpickle of the file is its to find as well.
    saved_with : str
        The call that saves such a model.
    requires : tuple[str, ...]
        What its environment has to hold, whatever the file names.
    loader : Callable[[Path], Any], optional
        Loads a file in this process, and returns the object.
    script : ScriptLines, optional
        How a generated scoring script loads it.
    tells : Callable[[Path], Told]
        Returns what a file, whose passport is complete, tells of its use. It raises nothing.
    """

    name: str
    title: str = "model"
    suffixes: tuple[str, ...] = ()
    packed_suffixes: tuple[str, ...] = ()
    begins: tuple[bytes, ...] = ()
    confirms: Callable[[Path], bool] = _always
    reader: Callable[[Part], Described] = _read_other
    saved_with: str = "joblib.dump(model, path)"
    requires: tuple[str, ...] = ()
    loader: Callable[[Path], Any] | None = None
    script: ScriptLines | None = None
    tells: Callable[[Path], Told] = _nothing

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def recognizes(self, part: Part) -> bool:
        """Return whether a file is of this format, or at least named so."""
        try:
            return self.is_named(part.path) or (
                part.first.startswith(self.begins) and self.confirms(part.path)
            )
        except UndescribedError:
            return False

    def is_named(self, path: Path) -> bool:
        """Return whether the name of a file promises this format."""
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes and suffixes[-1] in self.packed_suffixes:
            suffixes.pop()
        return bool(suffixes) and suffixes[-1] in self.suffixes

    def read(self, part: Part) -> Described:
        """Read a file that this format recognizes.

        Raises
        ------
        CorruptModelError
            If it is no whole file of this format.
        """
        if not part.first.startswith(self.begins):
            self._refuse_impostor(part)
        try:
            return self.reader(part)
        except EndedEarlyError as error:
            end = f"its {part.path.stat().st_size} bytes end in the middle of {error}"
            raise self._corrupt(part, f"{end}, so it was not copied in full") from None
        except MalformedError as error:
            raise self._corrupt(part, f"it is not a whole {self.title}: {error}") from None
        except UndescribedError as error:
            found = self if self.is_named(part.path) else OTHER
            return part.described(found.name, Findings(incomplete={str(error): None}))

    def _refuse_impostor(self, part: Part) -> None:
        what, advice = impostor(part.first)
        if what:
            raise self._corrupt(part, f"it is {what}", advice)

    def _corrupt(self, part: Part, problem: str, advice: str = "") -> CorruptModelError:
        again = f"Save it again with {self.saved_with}, or copy it again from its source."
        return CorruptModelError(str(part.path), problem, advice or again)


@dataclass(frozen=True)
class Formats:
    """Formats in the order in which they are asked; the last recognizes every file."""

    each: tuple[ModelFormat, ...]

    def __iter__(self) -> Iterator[ModelFormat]:
        return iter(self.each)

    def __getitem__(self, name: str) -> ModelFormat:
        return {each.name: each for each in self}[name]

    def read(self, part: Part) -> Described:
        """Read one file of a model by the first format that recognizes it.

        Raises
        ------
        CorruptModelError
            If it is named as a file of a format, and is no whole one.
        """
        return next(each for each in self if each.recognizes(part)).read(part)

    @property
    def loadable_suffixes(self) -> tuple[str, ...]:
        """The suffixes of the formats that are loaded in this process."""
        return tuple(end for each in self if each.loader for end in each.suffixes)


_PICKLE: Final = ModelFormat(
    name="pickle",
    title="pickle",
    suffixes=(".pkl", ".pickle"),
    packed_suffixes=(".z", ".gz", ".bz2", ".xz", ".lzma", ".lz4"),
    reader=read_pickle_file,
    requires=("joblib", "numpy"),
    loader=load_pickle,
    tells=tell_pickle,
    script=ScriptLines(
        imports=("import joblib", "import numpy as np"),
        load="joblib.load({path})",
        predict="model.predict(data).tolist()",
    ),
)
_SKOPS: Final = ModelFormat(
    name="skops",
    title="skops file",
    suffixes=(".skops",),
    begins=ZIP,
    confirms=is_skops,
    reader=read_skops,
    saved_with="skops.io.dump(model, path)",
    requires=("skops", "numpy"),
)
_ONNX: Final = ModelFormat(
    name="onnx",
    title="ONNX model",
    suffixes=(".onnx",),
    reader=read_onnx,
    saved_with="onnx.save(model, path)",
    requires=("onnxruntime", "numpy"),
)
FOLDER: Final = ModelFormat(name="folder")
"""A folder of files, each of which is read by its own format."""
OTHER: Final = ModelFormat(name="unknown", begins=(b"",))
"""A file that no other format recognizes; every file begins with no bytes."""

FORMATS: Final = Formats(
    (_SKOPS, _ONNX, _PICKLE, replace(_PICKLE, name="joblib", suffixes=(".joblib",)), FOLDER, OTHER)
)
"""The formats that are known."""
