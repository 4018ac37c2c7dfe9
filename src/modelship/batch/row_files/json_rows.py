"""JSON lines: a piece is a range of bytes that begins and ends where a line does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from modelship.batch.row_files.json_texts import JsonTexts, json_columns
from modelship.batch.row_files.row_format import ReadRows, RefusedRow
from modelship.batch.row_files.row_texts import write_values
from modelship.batch.row_files.text_pieces import array_of, bytes_of, text_cuts, text_parts
from modelship.batch.row_files.text_scanning import spans
from modelship.batch.row_files.text_values import widest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.batch.row_files.row_format import Cut

__all__ = ["FORMAT"]

_MARK: Final = b"\xef\xbb\xbf"
_TYPED_BYTES: Final = 1 << 23
_EXACT_INTEGER: Final = 2**53
_SHOWN: Final = 60


class JsonRows:
    """The format JSON lines: an object in each line, in UTF-8."""

    name = "jsonl"
    suffixes = (".jsonl", ".ndjson", ".jsonlines")
    keeps_text = True

    def schema(self, file: BinaryIO) -> pa.Schema:
        types: dict[str, pa.DataType] = {}
        for cut in self.cuts(file, piece_bytes=_TYPED_BYTES):
            content = bytes_of(file, cut)
            for field in _types(content):
                known = types.get(field.name, pa.null())
                types[field.name] = widest(known, field.type) or pa.string()
        return pa.schema(list(types.items()))

    def cuts(self, file: BinaryIO, *, piece_bytes: int) -> Sequence[Cut]:
        file.seek(0)
        start = len(_MARK) if file.read(len(_MARK)) == _MARK else 0
        return text_cuts(file, start=start, piece_bytes=piece_bytes)

    def parts(self, file: BinaryIO, cut: Cut, counts: Sequence[int]) -> list[Cut]:
        return text_parts(file, cut, counts)

    def types(self, file: BinaryIO, cut: Cut, names: Sequence[str]) -> pa.Schema:
        found = {field.name: field for field in _types(bytes_of(file, cut))}
        return pa.schema([found.get(each, pa.field(each, pa.null())) for each in names])

    def read(
        self, file: BinaryIO, cut: Cut, schema: pa.Schema, *, keep_text: bool = False
    ) -> ReadRows:
        content = bytes_of(file, cut)
        starts, stops = spans(array_of(content))
        try:
            rows = ReadRows(_parsed(content, schema))
        except (pa.ArrowException, ValueError):
            rows = ReadRows(schema.empty_table())
        if rows.table.num_rows != len(starts):
            rows = _one_by_one(content, starts, stops, schema)
        if not keep_text:
            return rows
        bad = [each.row for each in rows.refused]
        texts = JsonTexts.of_spans(content, starts, stops).without(bad)
        return ReadRows(rows.table, rows.refused, texts)

    def write(self, table: pa.Table, file: BinaryIO) -> None:
        write_values(json_columns(table), file)


def _parsed(content: Any, schema: pa.Schema | None = None) -> pa.Table:
    options = {} if schema is None else {"explicit_schema": schema}
    behavior = "infer" if schema is None else "ignore"
    return pa_json.read_json(
        pa.BufferReader(pa.py_buffer(content)),
        read_options=pa_json.ReadOptions(use_threads=False, block_size=max(len(content), 1 << 16)),
        parse_options=pa_json.ParseOptions(unexpected_field_behavior=behavior, **options),
    )


def _types(content: Any) -> pa.Schema:
    """Return the types of the values in lines; texts are never times."""
    try:
        table = _parsed(content)
    except (pa.ArrowException, ValueError):
        return _types_one_by_one(content)
    if any(_may_have_lost_digits(each) for each in table.columns):
        return _types_one_by_one(content)
    return pa.schema([(field.name, _without_times(field.type)) for field in table.schema])


def _may_have_lost_digits(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_float64(column.type):
        return False
    largest = pc.max(pc.abs(column)).as_py()
    return largest is not None and largest >= _EXACT_INTEGER


def _types_one_by_one(content: Any) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for line in bytes(content).splitlines():
        values, _ = _object(line)
        for name, value in (values or {}).items():
            known = types.get(name, pa.null())
            types[name] = widest(known, _type(value)) or pa.string()
    return pa.schema(list(types.items()))


def _type(value: Any) -> pa.DataType:
    try:
        return pa.array([value]).type
    except (pa.ArrowException, OverflowError, ValueError):
        return pa.string()


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(each.name, _without_times(each.type)) for each in kind.fields])
    return kind


def _object(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """Return the object of a line; or None, and why there is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"it is not JSON: {error}"
    return (found, "") if isinstance(found, dict) else (None, "it is not an object")


def _one_by_one(content: Any, starts: Any, stops: Any, schema: pa.Schema) -> ReadRows:
    """Return rows of which some may not be of the schema, and refuse those."""
    rows, refused = [], []
    for at, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        line = bytes(content[start:stop])
        values, reason = _object(line)
        row = {} if values is None else {each.name: _value(each, values) for each in schema}
        wrong = next((each for each in schema if not _fits(each, row.get(each.name))), None)
        if wrong is not None:
            shown = json.dumps(row[wrong.name])[:_SHOWN]
            reason = f"the value {shown} of {wrong.name!r} is not of the type {wrong.type}"
        if reason:
            refused.append(RefusedRow(at, reason, values or line.decode(errors="replace")))
        else:
            rows.append(row)
    return ReadRows(pa.Table.from_pylist(rows, schema=schema), tuple(refused))


def _value(field: pa.Field, values: dict[str, Any]) -> Any:
    """Return the value of a row as it is read for a type: what is no text has a text, of JSON."""
    value = values.get(field.name)
    if pa.types.is_floating(field.type) and type(value) is int:
        return float(value)
    if value is None or not pa.types.is_string(field.type) or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _fits(field: pa.Field, value: Any) -> bool:
    try:
        pa.array([value], field.type)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return False
    return not (isinstance(value, bool) and not pa.types.is_boolean(field.type))


FORMAT = JsonRows()
