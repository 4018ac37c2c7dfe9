"""Make rows of CSV readable that have too many or too few values, and are not UTF-8 either."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

import numpy as np
import pyarrow as pa

from modelship.batch.row_files.row_texts import TEXT, binaries
from modelship.batch.row_files.text_pieces import array_of
from modelship.batch.row_files.text_scanning import spans

__all__ = ["mask_ragged"]

_FIRST_HIGH: Final = 0x80


def mask_ragged(content: Any, delimiter: str, *, width: int) -> None:
    """Write question marks over what is not ASCII in rows without `width` values.

    pyarrow skips such a row in silence if it is not UTF-8: it cannot tell its text. The row is
    refused in any case. Nothing is done to UTF-8, and nothing to other rows.

    Parameters
    ----------
    content : memoryview
        The rows, writable.
    delimiter : str
        What separates values.
    width : int
        How many values a row has.
    """
    if _is_text(content):
        return
    held = array_of(content)
    starts, stops = spans(held, delimiter)
    high = np.flatnonzero(held >= _FIRST_HIGH)
    for at in np.unique(np.searchsorted(stops, high, side="right")).tolist():
        row = held[starts[at] : stops[at]]
        if not _is_text(row) and _values_in(row, delimiter) != width:
            row[row >= _FIRST_HIGH] = ord("?")


def _is_text(content: Any) -> bool:
    try:
        binaries(content, np.array([0, len(content)])).cast(TEXT)
    except pa.ArrowInvalid:
        return False
    return True


def _values_in(row: Any, delimiter: str) -> int:
    text = io.StringIO(row.tobytes().decode("latin-1"), newline="")
    return len(next(csv.reader(text, delimiter=delimiter), []))
