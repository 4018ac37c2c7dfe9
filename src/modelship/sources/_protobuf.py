"""Read messages in the wire format of Protocol Buffers, without their classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._stream import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.sources._budget import Budget

    Slice = tuple[int, int]

__all__ = ["MessageReader", "PastEndError", "signed"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_MAX_NAME_BYTES: Final = 1000
_MAX_VARINT_BYTES: Final = 10
_BETWEEN_CHECKS: Final = 1024


class PastEndError(MalformedError):
    """A field ends after its message; ``number`` is that of the field, or 0."""

    def __init__(self, number: int) -> None:
        super().__init__("a field in it is longer than the message that contains it")
        self.number = number


@dataclass
class MessageReader:
    """Reads the fields of messages; a message is its start and end in the content.

    Parameters
    ----------
    content : buffer of bytes
        The file.
    budget : Budget
        The budget to use.
    """

    content: Any
    budget: Budget
    _steps: int = 0

    @property
    def whole(self) -> Slice:
        """The position of the outermost message."""
        return 0, len(self.content)

    def inner(self, message: Slice | None, number: int) -> Slice | None:
        """Return the position of a field's first length-delimited value, or None."""
        found = (v for n, v in self.fields(message or (0, 0)) if n == number)
        return next((value for value in found if isinstance(value, tuple)), None)

    def name(self, message: Slice | int, number: int) -> str:
        """Return the text of a field; empty if the field is missing."""
        within = message if isinstance(message, tuple) else None
        return self.text(self.inner(within, number) or (0, 0))

    def text(self, value: Slice | int, *, most: int = _MAX_NAME_BYTES) -> str:
        """Return the text at a position, of at most `most` bytes."""
        begin, end = value if isinstance(value, tuple) else (0, 0)
        return bytes(self.content[begin : min(end, begin + most)]).decode("utf-8", "replace")

    def packed(self, numbers: Slice) -> Iterator[int]:
        """Yield packed numbers; :func:`signed` converts the negative ones."""
        at, end = numbers
        while at < end:
            value, at = self._varint(at, end)
            yield value

    def fields(self, message: Slice) -> Iterator[tuple[int, int | Slice]]:
        """Yield the number of each field, and its value, or the position of a length-delimited one.

        Raises
        ------
        MalformedError, UndescribedError
            As for :meth:`field`.
        """
        at, end = message
        while at < end:
            number, value, at = self.field(at, end)
            if value is not None:
                yield number, value

    def field(self, at: int, end: int) -> tuple[int, int | Slice | None, int]:
        """Return the number and the value of a field, as :meth:`fields`, and the position after it.

        The value is None if it has a fixed size.

        Raises
        ------
        PastEndError
            If the field ends after its message, which ends at `end`.
        MalformedError
            If it is not a field.
        UndescribedError
            If this takes too long.
        """
        self._steps += 1
        if self._steps % _BETWEEN_CHECKS == 0:
            self.budget.take_steps(_BETWEEN_CHECKS)
        key, at = self._varint(at, end)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise MalformedError("a field in it has the number 0")
        if wire == _VARINT:
            value, at = self._varint(at, end)
            return number, value, at
        if wire != _BYTES and wire not in _SIZES:
            raise MalformedError("a field in it has an unknown type")
        length, at = self._varint(at, end) if wire == _BYTES else (_SIZES[wire], at)
        if at + length > end:
            raise PastEndError(number)
        return number, (at, at + length) if wire == _BYTES else None, at + length

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        if at < end and self.content[at] < 0x80:  # noqa: PLR2004 - of one byte, like most
            return self.content[at], at + 1
        value = 0
        for place, byte in enumerate(self.content[at : min(end, at + _MAX_VARINT_BYTES)]):
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:  # noqa: PLR2004 - no more follow
                return value, at + place + 1
        if end - at < _MAX_VARINT_BYTES:
            raise PastEndError(0)
        raise MalformedError("a number in it is longer than 64 bits")


def signed(value: int) -> int:
    """Return the signed 64-bit integer for a number of the wire format."""
    return value - (1 << 64) if value >= 1 << 63 else value
