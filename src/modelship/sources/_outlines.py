"""Parse the outline of a document of XGBoost: everything except long arrays of numbers.

Such arrays are almost the whole size of a tree model, and parsing them takes twenty times the
memory of the file. The document is in JSON, or in Universal Binary JSON (draft 12 of ubjson.org).
Its declared sizes are not trusted: a length is compared with the remaining size of the file before
anything is read.
"""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from modelship.sources._budget import Budget

__all__ = ["SKIPPED", "read_outline", "read_ubjson", "read_ubjson_at"]

SKIPPED: Final = "(skipped)"
"""A placeholder for a skipped value."""

# The type marker of each kind of number, and its struct format; XGBoost writes draft 9's "U" and
# "i".
_NUMBERS: Final[Mapping[int, struct.Struct]] = {
    ord(letter): struct.Struct(f">{code}")
    for letter, code in (
        *(("i", "b"), ("U", "B"), ("I", "h"), ("u", "H"), ("l", "i"), ("m", "I"), ("L", "q")),
        *(("M", "Q"), ("d", "f"), ("D", "d"), ("h", "e")),
    )
}
_CONSTANTS: Final = {ord("T"): True, ord("F"): False, ord("Z"): None}
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = b"{}[]"
_TEXT, _LETTER, _NOTHING = b"SCN"
_TYPE, _COUNT = b"$#"
_MAX_DEPTH: Final = 64
_MAX_LIST: Final = 1_000_000
_BETWEEN_CHECKS: Final = 256


def read_ubjson(
    content: Any, budget: Budget, *, keep: Collection[str], visit: Callable[[str, Any], None]
) -> Any:
    """Read one value, which is the whole of `content`.

    Parameters
    ----------
    content : buffer of bytes
        The document.
    budget : Budget
        The budget to use.
    keep : Collection[str]
        Keys whose arrays of numbers are kept; the others become :data:`SKIPPED`.
    visit : Callable[[str, Any], None]
        Called with the key of each array of whole numbers, and an iterable of them.

    Raises
    ------
    EndedEarlyError
        If the content is truncated.
    MalformedError
        If it is not such a document.
    UndescribedError
        If it takes too long, or is nested deeper than in a model.
    """
    reader = _Reader(content, budget, keep=frozenset(keep), visit=visit)
    value = reader.value("", depth=0)
    if reader.at != len(content):
        raise MalformedError("there is extra data after its end")
    return value


def read_ubjson_at(content: bytes, at: int, budget: Budget, *, keep: Collection[str]) -> Any:
    """Read the value at a position in a document, whatever follows it.

    Raises
    ------
    EndedEarlyError, MalformedError, UndescribedError
        As for :func:`read_ubjson`.
    """
    reader = _Reader(content, budget, keep=frozenset(keep), visit=lambda _key, _numbers: None)
    reader.at = at
    return reader.value("", depth=0)


class _Reader:
    def __init__(
        self,
        content: Any,
        budget: Budget,
        *,
        keep: frozenset[str],
        visit: Callable[[str, Any], None],
    ) -> None:
        self._content = content
        self._budget = budget
        self._keep = keep
        self._visit = visit
        self._steps = 0
        self.at = 0

    def value(self, key: str, *, depth: int, kind: int | None = None) -> Any:
        """Read a value; its `kind` is read as well, unless an array has declared it."""
        self._count(depth)
        kind = self._byte() if kind is None else kind
        if kind in _NUMBERS:
            return self._number(kind)
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind == _TEXT:
            return self._text()
        if kind == _LETTER:
            return self._take(1).decode("latin-1")
        if kind == _OPEN:
            return self._object(depth)
        if kind == _OPEN_LIST:
            return self._list(key, depth)
        raise MalformedError("a value in it has an unknown type")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != _CLOSE:
            key = self._text()
            found[key] = self.value(key, depth=depth + 1)
        self.at += 1
        return found

    def _list(self, key: str, depth: int) -> Any:
        if self._peek() == _TYPE:
            return self._typed(key)
        if self._peek() == _COUNT:
            self.at += 1
            count = self._length()
            # A value has at least one byte, so a short file cannot declare a long list.
            self._require(count)
            found = [self.value(key, depth=depth + 1) for _ in range(count)]
        else:
            found = []
            while self._peek() != _CLOSE_LIST:
                found.append(self.value(key, depth=depth + 1))
            self.at += 1
        if found and all(type(each) is int for each in found):
            self._visit(key, found)
        return found

    def _typed(self, key: str) -> Any:
        """Read an array of numbers with a common type."""
        kind = self._take(2)[1]
        if kind not in _NUMBERS or self._byte() != _COUNT:
            raise MalformedError("an array in it has an unknown type")
        count = self._length()
        size_bytes = count * _NUMBERS[kind].size
        self._require(size_bytes)
        numbers = self._take(size_bytes)
        if _NUMBERS[kind].format[-1] not in "dfe":
            self._visit(key, (number for (number,) in _NUMBERS[kind].iter_unpack(numbers)))
        if key in self._keep and count <= _MAX_LIST:
            return [number for (number,) in _NUMBERS[kind].iter_unpack(numbers)]
        return SKIPPED

    def _text(self) -> str:
        text = self._take(self._length())
        return text.decode("utf-8", "replace")

    def _length(self) -> int:
        kind = self._byte()
        if kind not in _NUMBERS or not isinstance(length := self._number(kind), int) or length < 0:
            raise MalformedError("a length in it is not a number")
        return length

    def _number(self, kind: int) -> int | float:
        number: int | float = _NUMBERS[kind].unpack(self._take(_NUMBERS[kind].size))[0]
        return number

    def _take(self, size_bytes: int) -> bytes:
        self._require(size_bytes)
        begin, self.at = self.at, self.at + size_bytes
        return bytes(self._content[begin : self.at])

    def _byte(self) -> int:
        return self._take(1)[0]

    def _peek(self) -> int:
        self._require(1)
        while self._content[self.at] == _NOTHING:
            self.at += 1
            self._require(1)
        found: int = self._content[self.at]
        return found

    def _require(self, size_bytes: int) -> None:
        if size_bytes > len(self._content) - self.at:
            raise EndedEarlyError("a value")

    def _count(self, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise UndescribedError("it is nested too deeply for a model")
        self._steps += 1
        if self._steps % _BETWEEN_CHECKS == 0:
            self._budget.take_steps(_BETWEEN_CHECKS)


# A text, or an array of numbers (also of null, and of NaN and the infinities, which are not JSON).
_PIECE: Final = re.compile(rb'"[^"\\]*(?:\\[\s\S][^"\\]*)*"|\[[-+\d.eE,\sNaInfityul]+\]')
_MAX_OUTLINE_BYTES: Final = 64 * 2**20
_MAX_MARKS: Final = 4_000_000
_MARKS: Final = (b",", b":", b"[", b"{")
_SHORT: Final = 100


def read_outline(
    content: Any, budget: Budget, *, keep: Collection[str], visit: Callable[[str, bytes], None]
) -> Any:
    """Read a JSON document, with an empty array in place of each long one of numbers.

    Parameters
    ----------
    content : buffer of bytes
        The document.
    budget : Budget
        The budget to use.
    keep : Collection[str]
        Keys whose arrays are kept.
    visit : Callable[[str, bytes], None]
        Called with the key of each array of numbers, and the text between its brackets.

    Raises
    ------
    EndedEarlyError
        If the document is truncated.
    MalformedError
        If it is not JSON.
    UndescribedError
        If it takes too long, or if the rest is larger or nested deeper than in a model.
    """
    outline = b"".join(_pieces(content, budget, frozenset(map(str.encode, keep)), visit))
    if len(outline) > _MAX_OUTLINE_BYTES or sum(map(outline.count, _MARKS)) > _MAX_MARKS:
        raise UndescribedError("it has too many parts for a model")
    if not outline.rstrip().endswith(b"}"):
        raise EndedEarlyError("its JSON document")
    try:
        document = json.loads(outline)
    except RecursionError:
        raise UndescribedError("it is nested too deeply for a model") from None
    except ValueError as error:
        raise MalformedError(f"it is not JSON ({error})") from None
    return document


def _pieces(
    content: Any, budget: Budget, keep: frozenset[bytes], visit: Callable[[str, bytes], None]
) -> Any:
    at, key = 0, b""
    size_bytes = 0
    for count, match in enumerate(_PIECE.finditer(content)):
        if count % _BETWEEN_CHECKS == 0:
            budget.take_time()
        piece = match[0]
        if piece.startswith(b'"'):
            key = piece[1:-1]
            continue
        visit(key.decode("utf-8", "replace"), piece[1:-1])
        if key not in keep and len(piece) > _SHORT:
            yield bytes(content[at : match.start()]) + b"[]"
            size_bytes += match.start() - at
            at = match.end()
        if size_bytes > _MAX_OUTLINE_BYTES:
            raise UndescribedError("it has too many parts for a model")
    yield bytes(content[at : at + _MAX_OUTLINE_BYTES + 1])
