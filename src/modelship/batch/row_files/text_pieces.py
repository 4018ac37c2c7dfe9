"""Cut files of text into pieces: ranges of bytes that begin and end where a row does."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from modelship.batch.row_files.row_format import Cut
from modelship.batch.row_files.text_scanning import RowScanner

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["array_of", "bytes_of", "first_row", "text_cuts", "text_parts"]

_READ_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 1 << 14  # hold most headers, which are read again with each piece
_LONGEST_FIRST_ROW: Final = 1 << 26


def text_cuts(
    file: BinaryIO, *, start: int, piece_bytes: int, delimiter: str = ""
) -> Sequence[Cut]:
    """Return the pieces of a file of text, from a position at which a row ends or begins.

    Parameters
    ----------
    file : BinaryIO
        The file.
    start : int
        Where the rows begin.
    piece_bytes : int
        How many bytes a piece has at least, but for the last one.
    delimiter : str
        As for :class:`~modelship.batch.row_files.text_scanning.RowScanner`.

    Raises
    ------
    ValueError
        If the last quote is not closed: all after it would be one row. The text is a clause.
    """
    scanner = RowScanner(delimiter)
    found: list[Cut] = []
    begun, first, rows, at = start, 0, 0, start
    file.seek(start)
    while content := file.read(_READ_BYTES):
        ends = scanner.ends(array_of(content)) + at
        rows += len(ends)
        while len(ends) and ends[-1] - begun >= piece_bytes:
            last = int(np.searchsorted(ends, begun + piece_bytes))
            left = len(ends) - 1 - last
            found.append(Cut(begun, int(ends[last]), first, rows - left))
            begun, first, rows = int(ends[last]), first + rows - left, left
            ends = ends[last + 1 :]
        at += len(content)
    rows += scanner.is_in_row
    if scanner.is_in_quotes:
        raise ValueError(f"a quote opens in its row {first + rows - 1} and does not close")
    if rows:
        found.append(Cut(begun, at, first, rows))
    return found


def text_parts(
    file: BinaryIO, cut: Cut, counts: Sequence[int], *, delimiter: str = ""
) -> list[Cut]:
    """Return the parts of a piece with these numbers of rows, which together are all of it."""
    ends = RowScanner(delimiter).ends(array_of(bytes_of(file, cut)))
    stops = [cut.start + int(ends[rows - 1]) for rows in accumulate(counts[:-1])]
    return cut.parts(counts, [*stops, cut.stop])


def first_row(file: BinaryIO, *, delimiter: str = "") -> tuple[bytes, int]:
    """Return the first row of a file without its line break, and where it ends.

    Raises
    ------
    ValueError
        If it is too long to be one, or a quote in it is not closed; the text is a clause.
    """
    file.seek(0)
    scanner, content = RowScanner(delimiter), b""
    while block := file.read(max(len(content), _HEADER_BYTES)):
        ends = scanner.ends(array_of(block))
        if len(ends):
            end = len(content) + int(ends[0])
            return (content + block)[:end].lstrip(b"\r\n"), end
        content += block
        if len(content) > _LONGEST_FIRST_ROW:
            raise ValueError("its first row does not end")
    if scanner.is_in_quotes:
        raise ValueError("a quote opens in its first row and does not close")
    return content.lstrip(b"\r\n"), len(content)


def bytes_of(file: BinaryIO, cut: Cut) -> Any:
    """Return the bytes of a piece, a buffer that is written once.

    The file is read, not mapped: a file that another process truncates would end this one.
    """
    view = np.empty(cut.stop - cut.start, np.uint8).data
    file.seek(cut.start)
    got = 0
    while got < len(view):
        count = file.readinto(view[got:])  # type: ignore[attr-defined]  # all that are opened here have it
        if not count:
            raise OSError(f"it ends at byte {cut.start + got}, and not at {cut.stop}")
        got += count
    return view


def array_of(content: Any) -> Any:
    """Return bytes as an array of numbers, without a copy."""
    return np.frombuffer(content, np.uint8)
