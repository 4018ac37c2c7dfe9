"""Read the rows of files in pieces, and write them with their predictions: a module per format."""

from __future__ import annotations

from modelship.batch.row_files.row_format import (
    Cut,
    ReadRows,
    RefusedRow,
    RowFormat,
    format_of,
    formats,
    stem_of,
    suffix_of,
)

__all__ = [
    "Cut",
    "ReadRows",
    "RefusedRow",
    "RowFormat",
    "format_of",
    "formats",
    "stem_of",
    "suffix_of",
]
