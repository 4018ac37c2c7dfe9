"""Read the files that a job has written."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
from pyarrow import csv, json, parquet

from modelship.batch.output_files import output_files
from modelship.batch.row_files import formats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry

__all__ = ["answer_columns_in", "output_tables"]

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
        if entry.output:
            kind = formats()[plan.output_format(plan.pieces[entry.piece])]
            delimiter = getattr(kind, "delimiter", ",")
            with files.open(entry.output) as source:
                suffix = PurePosixPath(entry.output).suffix
                table = _read(source, suffix, types, delimiter=delimiter)
            names = table.column_names
            yield entry, table.select(answer_columns_in(names, plan)) if answers_only else table


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
