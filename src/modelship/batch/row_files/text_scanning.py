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
    from collections.abc import Iterable, Iterator

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
        self._opens_after = np.isin(np.arange(256), [_LF, _CR, ord(delimiter or "\n")])
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

    def ends(self, block: Block) -> Positions:
        """Return where the rows that end in a block do: the positions of their line breaks."""
        return _joined((self._row_ends(part), at) for at, part in _parts(block))

    def breaks(self, block: Block) -> Positions:
        """Return the positions of all line breaks that are not between quotes."""
        return _joined((self._breaks(part), at) for at, part in _parts(block))

    def _row_ends(self, part: Block) -> Positions:
        before = -2 if self.is_in_row else -1
        found = self._breaks(part)
        ends: Positions = found[np.diff(found, prepend=before) != 1]
        return ends

    def _breaks(self, part: Block) -> Positions:
        found = np.flatnonzero(_are_breaks(part))
        has_closed = False
        if self._has_quotes:
            quotes = self._quotes(part)
            if self._is_inside or len(quotes):
                found = found[(np.searchsorted(quotes, found) + self._is_inside) % 2 == 0]
                self._is_inside ^= bool(len(quotes) % 2)
                has_closed = len(quotes) > 0 and quotes[-1] == len(part) - 1 and not self._is_inside
        self._last, self._has_closed = int(part[-1]), has_closed
        return found

    def _quotes(self, part: Block) -> Positions:
        """Return the positions of the quotes that open or close, and not of those that are text."""
        found = np.flatnonzero(part == _QUOTE)
        opening = found[int(self._is_inside) :: 2]
        if len(opening) and opening[0] == 0:
            if not (self._opens_after[self._last] or self._has_closed):
                return self._without_texts(part, found)
            opening = opening[1:]
        # A quote before one that opens has closed: two quotes in quotes are one.
        before = part[opening - 1]
        if (self._opens_after[before] | (before == _QUOTE)).all():
            return found
        return self._without_texts(part, found)

    def _without_texts(self, part: Block, quotes: Positions) -> Positions:
        is_inside, closed, kept = self._is_inside, -1 if self._has_closed else -2, []
        for at in quotes.tolist():
            before = part[at - 1] if at else self._last
            if is_inside:
                is_inside, closed = False, at
            elif self._opens_after[before] or closed == at - 1:
                is_inside = True
            else:
                continue
            kept.append(at)
        return np.array(kept, np.intp)


_NONE: Final = np.empty(0, np.intp)


def _parts(block: Block) -> Iterator[tuple[int, Block]]:
    return ((at, block[at : at + _CACHED]) for at in range(0, len(block), _CACHED))


def _joined(parts: Iterable[tuple[Positions, int]]) -> Positions:
    return np.concatenate([_NONE, *(found + at for found, at in parts)])


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
