"""Define ModelFormat: the properties of a model format.

The table itself is in :mod:`modelship.sources.formats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import CorruptModelError
from modelship.sources._archives import ZIP, read_archive
from modelship.sources._budget import Budget
from modelship.sources._content import read_content
from modelship.sources._parts import Part
from modelship.sources._pickled import describe_pickle
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._told import Told
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelship.sources._parts import Described

__all__ = ["OTHER", "Formats", "ModelFormat", "ScriptLines"]

# What is often mistaken for a model: its first bytes in lower case, a description, and advice.
_IMPOSTORS: Final = {
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "Run: git lfs pull"),
    b"<!doctype html": ("an HTML page, such as a login or an error page", "Check the address."),
    b"<html": ("an HTML page, such as a login or an error page", "Check the address."),
    b"<?xml": ("an XML document, such as a storage service's error", "Check the address."),
    b"{": ("a JSON document", ""),
    b"pk\x03\x04": ("a zip archive", "If torch or skops wrote it, name it so: .pt, .skops"),
}


@dataclass(frozen=True, kw_only=True)
class ScriptLines:
    """The lines of a generated scoring script for a format.

    Attributes
    ----------
    imports : tuple[str, ...]
        The imports of packages, one line each, sorted.
    load : str
        An expression that loads the model from ``{path}``, which is an expression as well. Other
        placeholders are ``{labels}``, an argument with the class labels, which is empty if they are
        unknown, ``{classes}``, the same argument if they differ from those in the file, else empty,
        and ``{trusted}``, a list of the names that the file requires.
    natives : tuple[str, ...]
        The modules of :mod:`modelship.tables.natives` that the script imports. They are next to the
        script, together with the rest of :mod:`modelship.tables`, for any kind of input.
    opens : bool
        Whether ``{path}`` is an open file instead of a path.
    """

    imports: tuple[str, ...]
    load: str
    natives: tuple[str, ...] = ()
    opens: bool = False


def _read_other(part: Part) -> Described:
    """Read a file of an unknown format: only what a loader would unpickle counts."""
    if part.first.startswith(ZIP):
        return part.described(OTHER.name, read_archive(part.path, part.budget))
    with part.opened() as open_:
        content = read_content(open_)
    if content.is_pickle:
        return describe_pickle(part, content)
    return part.described(OTHER.name, content.findings)


def _nothing(path: Path) -> Told:  # noqa: ARG001 - others look into the file
    return Told()


def _always(path: Path) -> bool:  # noqa: ARG001 - others look into the file
    return True


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelFormat:
    """The properties of a model format.

    A file has this format if it has one of the `suffixes`, or starts with one of `begins` and is
    confirmed by `confirms`. Without a `loader`, models are not loaded in this process, and without
    a `script`, the user has to write the scoring script.

    Attributes
    ----------
    name : str
        The value of :attr:`Model.format`, such as ``"skops"``.
    title : str
        The name of such a file in messages, such as ``"skops file"``.
    suffixes : tuple[str, ...]
        The suffixes of its files, in lower case.
    packed_suffixes : tuple[str, ...]
        The additional suffixes of packed files, if its loader unpacks them.
    begins : tuple[bytes, ...]
        The possible first bytes of its files; empty if they are not significant.
    confirms : Callable[[Path], bool]
        Returns whether a file with such first bytes has this format.
    reader : Callable[[Part], Described]
        Reads one file without loading it. It raises EndedEarlyError if the file is truncated,
        MalformedError if it does not have this format, and UndescribedError if it was not read to
        its end. It also has to detect what another loader would unpickle from the file.
    saved_with : str
        The call that saves such a model.
    requires : tuple[str, ...]
        The packages that its environment requires, regardless of the file.
    runs_on : str
        The one of these packages that is pinned to the installed version, if the file does not name
        a version.
    loader : Callable[[Path], Any], optional
        Loads a file in this process, and returns the object.
    trusting : Callable[[Path], Any], optional
        A loader for trusted files, if the library has a separate one.
    script : ScriptLines, optional
        The lines that load it in a generated scoring script.
    tells : Callable[[Path], Told]
        Returns the facts in a file whose passport is complete. It raises nothing.
    file_in : Callable[[Path], str], optional
        For a folder format: returns the path of the model file in a folder, which is served by its
        own format; ``""`` if there is none.
    in_digests : str
        The name in the digests of bundles, if it is not `name`: the one from before the format was
        supported, so that older bundles keep their digests.
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
        """Return whether a file has this format, or at least its suffix."""
        try:
            return self.is_named(part.path) or (
                part.first.startswith(self.begins) and self.confirms(part.path)
            )
        except UndescribedError:
            return False

    def is_named(self, path: Path) -> bool:
        """Return whether the name of a file indicates this format."""
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if suffixes and suffixes[-1] in self.packed_suffixes:
            suffixes.pop()
        return bool(suffixes) and suffixes[-1] in self.suffixes

    def read(self, part: Part) -> Described:
        """Read a file that this format recognizes.

        Raises
        ------
        CorruptModelError
            If it is not a complete file of this format.
        """
        if not part.first.startswith(self.begins):
            self._refuse_impostor(part)
        try:
            return self.reader(part)
        except EndedEarlyError as error:
            end = f"its {part.path.stat().st_size} bytes end in the middle of {error}"
            raise self._corrupt(part, f"{end}, so it was not copied in full") from None
        except MalformedError as error:
            raise self._corrupt(part, f"it is not a complete {self.title}: {error}") from None
        except UndescribedError as error:
            found = self if self.is_named(part.path) else OTHER
            return part.described(found.name, Findings().leave(str(error)))

    def _refuse_impostor(self, part: Part) -> None:
        if not part.first:
            raise self._corrupt(part, "it is empty (0 bytes)")
        begin = part.first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        for each, (what, advice) in _IMPOSTORS.items():
            if begin.startswith(each):
                raise self._corrupt(part, f"it is {what}", advice)

    def _corrupt(self, part: Part, problem: str, advice: str = "") -> CorruptModelError:
        again = f"Save it again with {self.saved_with}, or copy it again from its source."
        return CorruptModelError(str(part.path), problem, advice or again)


@dataclass(frozen=True)
class Formats:
    """Formats in the order in which they are tried; the last one recognizes every file."""

    each: tuple[ModelFormat, ...]

    def __iter__(self) -> Iterator[ModelFormat]:
        return iter(self.each)

    def __getitem__(self, name: str) -> ModelFormat:
        return {each.name: each for each in self}[name]

    def read(self, part: Part) -> Described:
        """Read one file of a model with the first format that recognizes it.

        Raises
        ------
        CorruptModelError
            If it has the suffix of a format, but is not a complete file of it.
        """
        return next(each for each in self if each.recognizes(part)).read(part)

    def of(self, path: Path) -> ModelFormat:
        """Return the format of a file.

        Raises
        ------
        CorruptModelError
            If it has the suffix of a format, but is not a complete file of it.
        """
        return self[self.read(Part(path, Budget(path.stat().st_size))).format]

    @property
    def loadable_suffixes(self) -> tuple[str, ...]:
        """The suffixes of the formats that can be loaded in this process."""
        return tuple(end for each in self if each.loader for end in each.suffixes)


OTHER = ModelFormat(name="unknown", begins=(b"",))
"""A file that no other format recognizes; every file begins with the empty string."""
