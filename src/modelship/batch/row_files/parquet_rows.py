"""Parquet: a piece is a number of row groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow.parquet as pq

from modelship.batch.row_files.row_format import Cut

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FORMAT"]


class ParquetRows:
    """The format Parquet."""

    name = "parquet"
    suffixes = (".parquet", ".pq")

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        metadata = pq.ParquetFile(file).metadata
        found: list[Cut] = []
        start = first_row = rows = size = 0
        for at in range(metadata.num_row_groups):
            group = metadata.row_group(at)
            rows += group.num_rows
            size += group.total_byte_size
            if size >= piece_bytes or at == metadata.num_row_groups - 1:
                found.append(Cut(start, at + 1, first_row, rows))
                start, first_row, rows, size = at + 1, first_row + rows, 0, 0
        return found

    def read(self, file: BinaryIO, cut: Cut) -> Any:
        groups = list(range(cut.start, cut.stop))
        return pq.ParquetFile(file).read_row_groups(groups, use_threads=False)

    def write(self, table: Any, file: BinaryIO) -> None:
        pq.write_table(table, file)


FORMAT = ParquetRows()
