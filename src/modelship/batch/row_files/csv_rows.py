"""CSV with a header: a piece is a range of bytes that begins and ends at the end of a line."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow.csv as pc

from modelship.batch.row_files.row_format import Cut

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FORMAT"]

_READ_BYTES = 1 << 22


class CsvRows:
    """The format CSV, with commas, quotes and a header, in UTF-8."""

    name = "csv"
    suffixes = (".csv",)

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        start = at = len(file.readline())
        found: list[Cut] = []
        first_row = rows = 0
        quoted = False
        while chunk := file.read(_READ_BYTES):
            for line in chunk.splitlines(keepends=True):
                quoted ^= bool(line.count(b'"') % 2)
                at += len(line)
                if line.endswith(b"\n") and not quoted:
                    rows += 1
                    if at - start >= piece_bytes:
                        found.append(Cut(start, at, first_row, rows))
                        start, first_row, rows = at, first_row + rows, 0
        if at > start:
            found.append(Cut(start, at, first_row, rows))
        return found

    def read(self, file: BinaryIO, cut: Cut) -> Any:
        file.seek(0)
        header = file.readline()
        file.seek(cut.start)
        content = header + file.read(cut.stop - cut.start)
        options = pc.ReadOptions(use_threads=False, block_size=max(len(content), 1 << 16))
        return pc.read_csv(io.BytesIO(content), read_options=options)

    def write(self, table: Any, file: BinaryIO) -> None:
        pc.write_csv(table, file)


FORMAT = CsvRows()
