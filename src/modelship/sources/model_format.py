"""Define ModelFormat: all facts about one model format.

The table itself is in :mod:`modelship.sources.formats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelship.errors import CorruptModelError
from modelship.sources._archives import ZIP, read_archive
from modelship.sources._budget import Budget
from modelship.sources._content import read_content
from modelship.sources._impostors import impostor
from modelship.sources._parts import Part
from modelship.sources._pickle_file import describe_pickle
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._told import Told
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelship.sources._parts import Described

__all__ = ["OTHER", "Formats", "ModelFormat", "ScriptLines"]


@dataclass(frozen=True, kw_only=True)
class ScriptLines:
    """What a generated scoring script says of a format.

    Attributes
    ----------
    imports : tuple[str, ...]
        Its imports of packages, one line each, sorted.
    load : str
        An expression that loads the model from ``{path}``, which is an expression as well. It may
        have ``{labels}``, an argument with the labels of the classes, which is empty if they are
        not known, ``{classes}``, the same where they are others than the file tells, and
        ``{trusted}``, a list of the names that the file asks for.
    natives : tuple[str, ...]
        The modules of :mod:`modelship.tables.natives` that it imports. They lie beside it, and the
        rest of :mod:`modelship.tables` too, whatever the model takes.
    opens : bool
        Whether ``{path}`` is an open file in place of a path.
    """

    imports: tuple[str, ...]
    load: str
    natives: tuple[str, ...] = ()
    opens: bool = False


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
        What its files begin with, one of these; empty if that does not say.
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
    runs_on : str
        The package among these that is taken in the version that is installed here, where the file
        does not tell a version of it.
    loader : Callable[[Path], Any], optional
        Loads a file in this process, and returns the object.
    trusting : Callable[[Path], Any], optional
        The same for a file that is trusted, where its library asks for that.
    script : ScriptLines, optional
        How a generated scoring script loads it.
    tells : Callable[[Path], Told]
        Returns what a file, whose passport is complete, tells of its use. It raises nothing.
    file_in : Callable[[Path], str], optional
        Of a format of folders: returns the path of the file in one that is the model, which is
        served by its own format; ``""`` if there is none.
    in_digests : str
        What it is called in the digests of bundles, where that is not `name`: what it was before
        the format was known, so that bundles of that time are still themselves.
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
    runs_on: str = ""
    loader: Callable[[Path], Any] | None = None
    trusting: Callable[[Path], Any] | None = None
    script: ScriptLines | None = None
    tells: Callable[[Path], Told] = _nothing
    file_in: Callable[[Path], str] | None = None
    in_digests: str = ""

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

    def of(self, path: Path) -> ModelFormat:
        """Return the format that a file is read as.

        Raises
        ------
        CorruptModelError
            If it is named as a file of a format, and is no whole one.
        """
        return self[self.read(Part(path, Budget(path.stat().st_size))).format]

    @property
    def loadable_suffixes(self) -> tuple[str, ...]:
        """The suffixes of the formats that are loaded in this process."""
        return tuple(end for each in self if each.loader for end in each.suffixes)


OTHER = ModelFormat(name="unknown", begins=(b"",))
"""A file that no other format recognizes; every file begins with no bytes."""
