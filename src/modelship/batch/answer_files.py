"""Read the files that a job has written."""

from __future__ import annotations

import sys
from json import loads
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
from pyarrow import csv, json, parquet

from modelship.batch.answer_values import array_of_json
from modelship.batch.output_files import output_files
from modelship.batch.row_files import formats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry

__all__ = ["answer_columns_in", "last_columns", "output_tables"]

_FILE = "file"


def answer_columns_in(names: Sequence[str], plan: BatchPlan) -> list[str]:
    """Return which columns of an output are answers, and not those of the input."""
    kept = {_FILE} if plan.options.are_files else {*plan.columns.kept}
    return [each for each in names if each not in kept]


def output_tables(
    output: str | Path, plan: BatchPlan, entries: Sequence[Entry], *, answers_only: bool = False
) -> Iterator[tuple[Entry, pa.Table]]:
    """Yield the rows of each piece that has some, in the order of the pieces.

    Parameters
    ----------
    output : str or Path
        The folder of the output.
    plan : BatchPlan
        The plan.
    entries : Sequence[Entry]
        The pieces.
    answers_only : bool
        Whether to read the answers alone.
    """
    types = _types(plan)
    files = output_files(output)
    for entry in entries:
        if entry.output and plan.options.appends_rows:  # elements are text, and joined at the end
            yield entry, pa.table({})
        elif entry.output:
            kind = formats()[plan.output_format(plan.pieces[entry.piece])]
            delimiter = getattr(kind, "delimiter", ",")
            with files.open(entry.output) as source:
                suffix = PurePosixPath(entry.output).suffix
                table = _read(source, suffix, types, delimiter=delimiter)
            names = table.column_names
            yield entry, table.select(answer_columns_in(names, plan)) if answers_only else table


def last_columns(source: BinaryIO, kind: str, count: int) -> pa.Table:
    """Return the last columns of an output of some format; of CSV, as texts.

    Those of JSON lines, whose names may differ from row to row, are named after their positions.
    """
    if kind == "parquet":
        table = parquet.read_table(source, partitioning=None)
        return table.select(table.column_names[-count:])
    if kind == "jsonl":
        rows = [[*loads(line).values()][-count:] for line in source]
        columns = [[*each] for each in zip(*rows, strict=True)]
        return pa.table([*map(array_of_json, columns)], names=[str(at) for at in range(count)])
    found = formats()[kind]
    fields = [*found.schema(source)][-count:]
    texts = [pa.field(each.name, pa.string()) for each in fields]
    [cut] = found.cuts(source, piece_bytes=sys.maxsize)
    return found.read(source, cut, pa.schema(texts if found.keeps_text else fields)).table


def _types(plan: BatchPlan) -> dict[str, pa.DataType]:
    """Return the types of the columns of the input, so that texts of digits stay texts."""
    if not plan.columns.types:
        return {}
    return {each.name: each.type for each in plan.columns.schema if each.name in plan.columns.kept}


def _read(
    source: BinaryIO, suffix: str, types: Mapping[str, pa.DataType], *, delimiter: str
) -> pa.Table:
    if suffix == ".parquet":
        return parquet.read_table(source, partitioning=None)
    if suffix in (".csv", ".tsv"):
        return csv.read_csv(
            source,
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=types),
        )
    if suffix in (".jsonl", ".ndjson", ".json"):
        return json.read_json(source)
    return pa.table({})
