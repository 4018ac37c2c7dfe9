"""CSV with a header: a piece is a range of bytes that begins and ends where a row does."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from modelship.batch.row_files.ragged_rows import mask_ragged
from modelship.batch.row_files.row_format import ReadRows, RefusedRow
from modelship.batch.row_files.row_texts import CsvTexts, csv_line, csv_texts, write_lines
from modelship.batch.row_files.text_pieces import (
    array_of,
    bytes_of,
    first_row,
    text_cuts,
    text_parts,
)
from modelship.batch.row_files.text_scanning import spans
from modelship.batch.row_files.text_values import narrowest_type, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.batch.row_files.row_format import Cut

__all__ = ["BARS", "CSV", "SEMICOLONS", "TSV"]

_MARK: Final = b"\xef\xbb\xbf"  # of UTF-8, which some programs write first
_OTHER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_SHOWN: Final = 60
_BLOCK_BYTES: Final = 1 << 20  # stays in the cache
_WHOLE_BYTES: Final = 1 << 30


@dataclass(frozen=True)
class CsvRows:
    """The format CSV, with quotes and a header, in UTF-8."""

    name: str
    suffixes: tuple[str, ...]
    delimiter: str = ","
    keeps_text: bool = True

    def schema(self, file: BinaryIO) -> pa.Schema:
        names = self._header(file)[0]
        twice = next((each for each in names if names.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"two columns are named {twice!r}")
        return pa.schema([(each, pa.null()) for each in names])

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        start = self._header(file)[1]
        return text_cuts(file, start=start, piece_bytes=piece_bytes, delimiter=self.delimiter)

    def parts(self, file: BinaryIO, cut: Cut, counts: Sequence[int]) -> list[Cut]:
        return text_parts(file, cut, counts, delimiter=self.delimiter)

    def types(self, file: BinaryIO, cut: Cut, names: Sequence[str]) -> pa.Schema:
        texts = pa.schema([(each, pa.string()) for each in names])
        table = self.read(file, cut, texts).table
        return pa.schema([(each, narrowest_type(table.column(each))) for each in names])

    def read(
        self, file: BinaryIO, cut: Cut, schema: pa.Schema, *, keep_text: bool = False
    ) -> ReadRows:
        names, end = self._header(file)
        content = bytes_of(file, cut)
        mask_ragged(content, self.delimiter, width=len(names))
        try:
            rows = self._parsed(content, names, schema, block_bytes=_BLOCK_BYTES)
        except pa.ArrowInvalid:
            rows = self._converted(content, names, schema)
        if not keep_text:
            return rows
        file.seek(0)
        header = file.read(end).lstrip(b"\r\n").removeprefix(_MARK)
        stops = spans(array_of(content), self.delimiter)[1]
        texts = CsvTexts.of_rows(content, stops, header=header, delimiter=self.delimiter)
        bad = [each.row for each in rows.refused]
        return ReadRows(rows.table, rows.refused, texts.without(bad))

    def write(self, table: pa.Table, file: BinaryIO) -> None:
        file.write(csv_line(table.column_names, self.delimiter) + b"\n")
        parts = [csv_texts(each, self.delimiter) for each in table.columns]
        write_lines(parts, self.delimiter, file)

    def _header(self, file: BinaryIO) -> tuple[list[str], int]:
        """Return the names of the columns, and where the header ends."""
        row, end = first_row(file, delimiter=self.delimiter)
        if row.startswith(_OTHER_MARKS):
            raise ValueError("it is UTF-16, and UTF-8 is expected")
        try:
            text = row.removeprefix(_MARK).decode()
        except UnicodeDecodeError:
            raise ValueError("its header is not UTF-8 text") from None
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        return next(reader, []), end

    def _parsed(
        self, content: Any, names: Sequence[str], schema: pa.Schema, *, block_bytes: int
    ) -> ReadRows:
        """Return rows as pyarrow reads them; those with too many or too few values are refused.

        Raises
        ------
        pyarrow.ArrowInvalid
            If a value is not of the type of its column, or a row is longer than a block.
        """
        refused: list[RefusedRow] = []

        def refuse(row: Any) -> str:
            reason = f"it has {row.actual_columns} values, and the header {row.expected_columns}"
            refused.append(RefusedRow(row.number - 1, reason, row.text))
            return "skip"

        if not len(content):
            return ReadRows(schema.empty_table())
        table = pa_csv.read_csv(
            pa.BufferReader(pa.py_buffer(content)),
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                column_names=names,
                block_size=min(max(len(content), 1 << 16), block_bytes),
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=schema,
                include_columns=schema.names,
                include_missing_columns=True,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return ReadRows(table, tuple(refused))

    def _converted(self, content: Any, names: Sequence[str], schema: pa.Schema) -> ReadRows:
        """Return rows where a value is not of the type of its column, and refuse those rows."""
        as_bytes = pa.schema([(each, pa.binary()) for each in schema.names])
        rows = self._parsed(content, names, as_bytes, block_bytes=_WHOLE_BYTES)
        reasons: dict[int, str] = {}
        columns = []
        for field, texts in zip(schema, rows.table.columns, strict=True):
            values, are_bad = typed(texts, field.type)
            columns.append(values)
            if are_bad is not None:
                for at in pc.indices_nonzero(are_bad).to_pylist():
                    reasons.setdefault(at, _reason(field, texts[at].as_py()))
        table = pa.table(columns, schema=schema)
        return _without(table, rows, reasons)


def _reason(field: pa.Field, value: bytes) -> str:
    shown = value.decode(errors="replace")[:_SHOWN]
    expected = "UTF-8 text" if pa.types.is_string(field.type) else f"of the type {field.type}"
    return f"the value {shown!r} of the column {field.name!r} is not {expected}"


def _without(table: pa.Table, rows: ReadRows, reasons: dict[int, str]) -> ReadRows:
    """Return rows of which some more are refused: those at the positions of `reasons`."""
    if not reasons:
        return ReadRows(table, rows.refused)
    gaps = [each.row for each in rows.refused]
    places = np.delete(np.arange(table.num_rows + len(gaps)), gaps)
    more = [
        RefusedRow(int(places[at]), reason, _shown(rows.table.slice(at, 1)))
        for at, reason in reasons.items()
    ]
    kept = np.ones(table.num_rows, bool)
    kept[list(reasons)] = False
    refused = sorted((*rows.refused, *more), key=lambda each: each.row)
    return ReadRows(table.filter(pa.array(kept)), tuple(refused))


def _shown(row: pa.Table) -> dict[str, str | None]:
    [values] = row.to_pylist()
    return {
        name: None if each is None else each.decode(errors="replace")
        for name, each in values.items()
    }


CSV = CsvRows("csv", (".csv",))
TSV = CsvRows("tsv", (".tsv", ".tab"), "\t")
SEMICOLONS = CsvRows("csv;", (), ";")
BARS = CsvRows("csv|", (), "|")
