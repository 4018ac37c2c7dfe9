"""Parquet: a piece is a number of row groups, or a slice of a large one; the unit are rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from modelship.batch.row_files.parquet_slices import SliceReader
from modelship.batch.row_files.row_format import Cut, CutByRows, ReadRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FORMAT"]

_BUFFER_BYTES: Final = 1 << 20
_LARGE: Final = 2
"""A row group of more pieces than this is cut."""


class ParquetRows(CutByRows):
    """The format Parquet."""

    name = "parquet"
    suffixes = (".parquet", ".pq")
    keeps_text = False

    def __init__(self) -> None:
        self._slices = SliceReader()

    def schema(self, file: BinaryIO) -> pa.Schema:
        found = pq.ParquetFile(file).schema_arrow.remove_metadata()
        names = found.names
        if len({*names}) < len(names):
            twice = next(each for each in names if names.count(each) > 1)
            raise ValueError(f"two columns are named {twice!r}")
        return pa.schema([pa.field(each.name, each.type) for each in found])

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        found: list[Cut] = []
        start = rows = size = 0
        for count, group_bytes in _groups(pq.ParquetFile(file).metadata):
            if group_bytes > _LARGE * piece_bytes and count > 1:
                found += _cut(start, rows)
                start += rows
                found += _slices(start, count, -(-group_bytes // piece_bytes))
                start, rows, size = start + count, 0, 0
                continue
            rows, size = rows + count, size + group_bytes
            if size >= piece_bytes:
                found += _cut(start, rows)
                start, rows, size = start + rows, 0, 0
        return [*found, *_cut(start, rows)]

    def types(
        self,
        file: BinaryIO,
        cut: Cut,  # noqa: ARG002 - the types are those of the file
        names: Sequence[str],
    ) -> pa.Schema:
        schema = self.schema(file)
        return pa.schema([schema.field(each) for each in names])

    def read(
        self,
        file: BinaryIO,
        cut: Cut,
        schema: pa.Schema,
        *,
        keep_text: bool = False,  # noqa: ARG002 - it has no text
    ) -> ReadRows:
        source = pq.ParquetFile(file)
        in_file, wanted = source.schema_arrow.names, schema.names  # converted at each access
        held = {*in_file}
        columns = [each for each in wanted if each in held]
        chosen = None if columns == in_file else columns  # names take long to find
        if not columns:
            return ReadRows(as_schema(pa.table({"": pa.nulls(cut.rows)}), schema))
        whole: list[int] = []
        tables: list[pa.Table] = []
        at = 0
        for number, (count, _) in enumerate(_groups(source.metadata)):
            first, stop = max(cut.start - at, 0), min(cut.stop - at, count)
            at += count
            if stop - first == count > 0:
                whole.append(number)
            elif first < stop:
                tables += self._whole_groups(source, whole, chosen)
                whole = []
                tables.append(self._slices.read(file, number, columns, first, stop))
        tables += self._whole_groups(source, whole, chosen)
        return ReadRows(as_schema(pa.concat_tables(tables), schema))

    def _whole_groups(
        self, source: pq.ParquetFile, groups: list[int], columns: list[str] | None
    ) -> list[pa.Table]:
        if not groups:
            return []
        return [source.read_row_groups(groups, columns=columns, use_threads=False)]

    def write(self, table: pa.Table, file: BinaryIO) -> None:
        # It makes several writes for each column: they are gathered before Python sees them.
        stream = pa.BufferedOutputStream(pa.PythonFile(_Sink(file), "w"), _BUFFER_BYTES)
        pq.write_table(table, stream)
        stream.close()


class _Sink:
    """A file for a stream of pyarrow, which stays open when the stream is closed.

    After a write that failed, it ignores all others: pyarrow tries them again when the stream is
    released, and prints why they fail.
    """

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._has_failed = False

    def write(self, content: bytes) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        self._file.write(content)
        self._has_failed = False

    def close(self) -> None:
        """Leave the file open: it is not the stream's."""


def as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of a schema; those that it lacks are null."""
    if table.schema.equals(schema):
        return table.replace_schema_metadata(schema.metadata)
    held = set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in held
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _groups(metadata: Any) -> Iterator[tuple[int, int]]:
    """Return the rows and bytes of each row group."""
    for at in range(metadata.num_row_groups):
        group = metadata.row_group(at)
        yield group.num_rows, group.total_byte_size


def _slices(start: int, rows: int, pieces: int) -> list[Cut]:
    step = -(-rows // min(pieces, rows))
    starts = range(start, start + rows, step)
    return [cut for at in starts for cut in _cut(at, min(step, start + rows - at))]


def _cut(start: int, rows: int) -> list[Cut]:
    return [Cut(start, start + rows, start, rows)] if rows else []


FORMAT = ParquetRows()
