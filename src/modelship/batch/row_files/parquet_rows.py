"""Parquet: a piece is a number of row groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from modelship.batch.row_files.row_format import Cut, ReadRows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FORMAT"]


class ParquetRows:
    """The format Parquet."""

    name = "parquet"
    suffixes = (".parquet", ".pq")
    keeps_text = False

    def schema(self, file: BinaryIO) -> pa.Schema:
        return pq.ParquetFile(file).schema_arrow.remove_metadata()

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
        groups = list(range(cut.start, cut.stop))
        source = pq.ParquetFile(file)
        table = source.read_row_groups(groups, columns=_held(source, schema), use_threads=False)
        return ReadRows(as_schema(table, schema))

    def write(
        self,
        table: pa.Table,
        answers: pa.Table,
        texts: Any,  # noqa: ARG002 - it has no text
        file: BinaryIO,
    ) -> None:
        for name, column in zip(answers.column_names, answers.columns, strict=True):
            table = table.append_column(name, column)
        pq.write_table(table, file)


def as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of a schema; those that it lacks are null."""
    held = set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in held
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _held(file: Any, schema: pa.Schema) -> list[str]:
    return [each for each in schema.names if each in file.schema_arrow.names]


FORMAT = ParquetRows()
