r"""Find where the rows of text end, at the speed of memory, in one block after another.

A row is what stands between line breaks (``\n``, ``\r`` or both); empty lines are no rows. In
CSV, a line break between quotes belongs to its row. Quotes are counted, not lines: where each quote
that opens follows a delimiter, a line break or a quote, their parity says what is inside. Elsewhere
a quote is text, as in ``5" pipe``; then they are read one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Block = NDArray[np.uint8]
    Positions = NDArray[np.intp]
    Mask = NDArray[np.bool_]

__all__ = ["RowScanner", "spans"]

_LF, _CR, _QUOTE = 10, 13, 34
_CACHED: Final = 1 << 18
"""How many bytes are looked at together: what they are compared to stays in the cache."""


class RowScanner:
    """Finds the line breaks that end rows, in the blocks of one text, in order.

    Parameters
    ----------
    delimiter : str
        What separates values; ``""`` for text in which quotes mean nothing.
    """

    def __init__(self, delimiter: str = "") -> None:
        self._has_quotes = bool(delimiter)
        self._delimiter = ord(delimiter or "\n")
        self._is_inside = False
        self._last = _LF
        self._has_closed = False  # whether the last byte is a quote that closes

    @property
    def is_in_row(self) -> bool:
        """Whether the text so far ends within a row."""
        return self._is_inside or self._last not in {_LF, _CR}

    @property
    def is_in_quotes(self) -> bool:
        """Whether a quote that the text so far has opened is not closed."""
        return self._is_inside

    def count(self, block: Block) -> int:
        """Return how many rows end in a block."""
        return sum(int(np.count_nonzero(self._row_ends(part))) for _, part in _parts(block))

    def ends(self, block: Block) -> Positions:
        """Return where the rows that end in a block do: the positions of their line breaks."""
        found = [np.flatnonzero(self._row_ends(part)) + at for at, part in _parts(block)]
        return np.concatenate(found) if found else _NONE

    def breaks(self, block: Block) -> Positions:
        """Return the positions of all line breaks that are not between quotes."""
        found = [np.flatnonzero(self._are_breaks(part)) + at for at, part in _parts(block)]
        return np.concatenate(found) if found else _NONE

    def _row_ends(self, part: Block) -> Mask:
        is_first = self.is_in_row
        found = self._are_breaks(part)
        ends = np.empty_like(found)
        ends[0] = found[0] and is_first
        np.greater(found[1:], found[:-1], out=ends[1:])
        return ends

    def _are_breaks(self, part: Block) -> Mask:
        found = _are_breaks(part)
        are_quotes = part == _QUOTE if self._has_quotes else None
        is_at_end = False
        if are_quotes is not None and (self._is_inside or are_quotes.any()):
            are_inside = self._inside(part, are_quotes)
            found &= ~are_inside
            is_at_end = bool(are_quotes[-1]) and not are_inside[-1]
            self._is_inside = bool(are_inside[-1])
        self._last, self._has_closed = int(part[-1]), is_at_end
        return found

    def _inside(self, part: Block, are_quotes: Mask) -> Mask:
        """Return which bytes are between quotes; quotes that are text leave `are_quotes`."""
        found = self._parity(are_quotes)
        regular = _are_breaks(part) | (part == self._delimiter) | are_quotes
        opens = are_quotes & found
        np.greater(opens[1:], regular[:-1], out=opens[1:])
        opens[0] &= not (self._opens_after(self._last) or self._has_closed)
        if opens.any():
            self._drop_texts(part, are_quotes)
            return self._parity(are_quotes)
        return found

    def _parity(self, are_quotes: Mask) -> Mask:
        inner = _PARITY[np.packbits(are_quotes)]  # of 8 bytes at once
        carried = np.bitwise_xor.accumulate(inner & 1) * np.uint8(255)
        inner[1:] ^= carried[:-1]
        if self._is_inside:
            np.invert(inner, out=inner)
        return np.unpackbits(inner, count=len(are_quotes)).view(bool)

    def _opens_after(self, byte: int) -> bool:
        return byte in {_LF, _CR, self._delimiter}

    def _drop_texts(self, part: Block, are_quotes: Mask) -> None:
        is_inside, closed = self._is_inside, -1 if self._has_closed else -2
        for at in np.flatnonzero(are_quotes).tolist():
            before = part[at - 1] if at else self._last
            if is_inside:
                is_inside, closed = False, at
            elif self._opens_after(before) or closed == at - 1:
                is_inside = True
            else:
                are_quotes[at] = False


_NONE: Final = np.empty(0, np.intp)
_PARITY: Final = np.packbits(
    np.bitwise_xor.accumulate(
        np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1), axis=1
    ),
    axis=1,
)[:, 0]


def _parts(block: Block) -> Iterator[tuple[int, Block]]:
    return ((at, block[at : at + _CACHED]) for at in range(0, len(block), _CACHED))


def spans(content: Block, delimiter: str = "") -> tuple[Positions, Positions]:
    """Return where each row of a whole text begins and ends, without line breaks."""
    scanner = RowScanner(delimiter)
    found = scanner.breaks(content)
    starts = np.append(0, found + 1)
    starts = starts[starts < len(content)]
    are_apart = np.diff(found, prepend=-1) != 1
    if are_apart.all():
        stops = found
    else:
        starts = starts[~_are_breaks(content[starts])]
        stops = found[are_apart]
    return starts, np.append(stops, len(content)) if scanner.is_in_row else stops


def _are_breaks(block: Block) -> Mask:
    found: Mask = block == _LF
    found |= block == _CR
    return found
