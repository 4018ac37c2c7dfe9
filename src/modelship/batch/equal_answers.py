"""Give the answers in Parquet files one type in all pieces, where the bundle does not tell it.

The answers of one piece may all be whole, or missing, and those of another have fractions. Readers
of folders refuse files whose columns differ. So once all pieces are done, the files that differ are
written again, with the types that hold all answers. If this is interrupted, at most the piece under
way is scored again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from modelship.batch.answer_files import answer_columns_in
from modelship.batch.answer_tables import joined_answers
from modelship.batch.output_names import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry, Manifest
    from modelship.batch.output_folder import OutputFolder

__all__ = ["equal_answer_types"]

_TYPED: Final = ".parquet"


def equal_answer_types(
    folder: OutputFolder, plan: BatchPlan, entries: Mapping[int, Entry], manifest: Manifest
) -> Iterator[Entry]:
    """Write the files again whose answers differ in type; yield their new entries.

    Parameters
    ----------
    folder : OutputFolder
        The output of a job whose pieces are all done.
    plan : BatchPlan
        The plan.
    entries : Mapping[int, Entry]
        The entries of all pieces, by their number.
    manifest : Manifest
        The manifest.
    """
    typed = [entries[each] for each in sorted(entries) if entries[each].output.endswith(_TYPED)]
    if len(typed) <= 1 or folder.files.exists(SUCCESS):
        return
    schemas = {each.piece: _answer_schema(folder, plan, each) for each in typed}
    different = list(dict.fromkeys(schemas.values()))
    if len(different) == 1:
        return
    wide = joined_answers(each.empty_table() for each in different).schema
    for each in typed:
        if schemas[each.piece] != wide:
            table = _widened(folder, plan, each, wide)
            yield folder.rewrite(each, partial(_write, table), manifest)


def _answer_schema(folder: OutputFolder, plan: BatchPlan, entry: Entry) -> pa.Schema:
    with folder.files.open(entry.output) as source:
        found = pq.ParquetFile(source).schema_arrow.remove_metadata()
    return pa.schema([found.field(each) for each in answer_columns_in(found.names, plan)])


def _widened(folder: OutputFolder, plan: BatchPlan, entry: Entry, wide: pa.Schema) -> pa.Table:
    """Return the rows of a piece, whose answers have other types."""
    with folder.files.open(entry.output) as source:
        rows = pq.read_table(source, partitioning=None)
    names = answer_columns_in(rows.column_names, plan)
    answers = joined_answers([rows.select(names), wide.empty_table()])
    table = rows.drop_columns(names)
    for field in wide:
        table = table.append_column(field, answers.column(field.name))
    return table


def _write(table: pa.Table, file: BinaryIO) -> Any:
    pq.write_table(table, file)
