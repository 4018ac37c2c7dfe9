"""Give the answers of a job the same columns and types in all of its output, as in one piece.

The lists in the answers of one piece may have one length, and those of another have others; a key
may be missing in all answers of a piece; or they may all be whole, and those of another have
fractions. So once all pieces are done, the output that differs is written again. If this is
interrupted, at most the piece under way is scored again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from modelship.batch.answer_files import last_columns
from modelship.batch.answer_forms import (
    answer_columns,
    common_form,
    form_names,
    form_of,
)
from modelship.batch.answer_lists import marked, with_lists
from modelship.batch.answer_tables import array_of_json, joined_answers
from modelship.batch.output_names import SUCCESS
from modelship.batch.piece_rows import read_piece
from modelship.batch.row_files import formats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.batch.answer_forms import Form
    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import AnswerColumn, Entry, Manifest
    from modelship.batch.output_folder import OutputFolder
    from modelship.batch.piece_rows import PieceRows

__all__ = ["equal_answers"]

_TYPED: Final = ".parquet"
_ARRAYS: Final = ".npz"


def equal_answers(
    folder: OutputFolder, plan: BatchPlan, entries: Mapping[int, Entry], manifest: Manifest
) -> Iterator[Entry]:
    """Write the output again whose answers differ in columns or type; yield the new entries.

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

    Raises
    ------
    BatchInputError
        If the input of a piece cannot be read any more, or has no such form in its format.
    """
    written = [entries[each] for each in sorted(entries) if entries[each].output]
    known = dict.fromkeys(each.answers for each in written)
    if len(known) <= 1 or () in known or folder.files.exists(SUCCESS):
        return  # an earlier version of modelship noted no columns
    job = _Job(folder, plan, common_form([form_of(each) for each in known]))
    typed = {each.answers: each for each in written if not each.output.endswith(_ARRAYS)}
    parts = {answers: job.formed(job.empty(each), each) for answers, each in typed.items()}
    wide = joined_answers(parts.values()).schema if parts else pa.schema([])
    for each in written:
        is_written = each.answers not in parts or _is_written_as(
            wide, parts[each.answers].schema, is_text=not each.output.endswith(_TYPED)
        )
        if form_of(each.answers) != job.form_for(each) or not is_written:
            yield job.rewrite(each, manifest, types=wide)


@dataclass(frozen=True)
class _Job:
    """A job, and the form that its answers have together."""

    folder: OutputFolder
    plan: BatchPlan
    form: Form

    def form_for(self, entry: Entry) -> Form:
        """Return the form of the answers of a piece: a missing column has none in an array."""
        if not entry.output.endswith(_ARRAYS):
            return self.form
        own = {each.name for each in entry.answers}
        return tuple(each for each in self.form if each[0] in own)

    def empty(self, entry: Entry) -> pa.Table:
        """Return the answers in a file, without their rows."""
        if not entry.output.endswith(_TYPED):
            names = [name for each in entry.answers for name in each.types]
            if None in map(_type_named, names):  # such as that of lists
                answers, _ = self._written(
                    read_piece(self.plan, self.plan.pieces[entry.piece]), entry
                )
                return answers.slice(0, 0)
            kinds = map(_type_named, _types_of(entry))
            columns = [(str(at), each) for at, each in enumerate(kinds)]
            return _named(pa.schema(columns).empty_table(), entry.answers)
        with self.folder.files.open(entry.output) as source:
            schema = pq.ParquetFile(source).schema_arrow.remove_metadata()
        names = form_names(form_of(entry.answers))
        return _named(pa.schema([*schema][-len(names) :]).empty_table(), entry.answers)

    def formed(self, answers: pa.Table, entry: Entry) -> pa.Table:
        """Return answers in the form that they have together."""
        form = self.form_for(entry)
        lists = [each for each in entry.answers if each.width != dict(form)[each.name]]
        answers = with_lists(answers, [each.name for each in lists if each.width])
        return _arranged(answers, form)

    def rewrite(self, entry: Entry, manifest: Manifest, *, types: pa.Schema) -> Entry:
        """Write the output of a piece again, with its answers in that form."""
        rows = read_piece(self.plan, self.plan.pieces[entry.piece])
        answers, spans = self._written(rows, entry)
        answers = self.formed(answers, entry)
        if not entry.output.endswith(_ARRAYS):
            # The first gives the order of the fields in structs.
            answers = joined_answers([types.empty_table(), answers])
        columns = answer_columns(answers.schema)
        write = partial(rows.write, answers, spans)
        return self.folder.rewrite(entry, write, manifest, answers=columns)

    def _written(self, rows: PieceRows, entry: Entry) -> tuple[pa.Table, Sequence[tuple[int, int]]]:
        """Return the answers of a piece, and of which of its rows they are."""
        kind = self.plan.output_format(rows.piece)
        count = len(form_names(form_of(entry.answers)))
        are_files = self.plan.options.are_files
        with self.folder.files.open(entry.output) as source:
            table = last_columns(source, kind, count + are_files)
        if are_files:
            spans = rows.spans_of(table.column(0).to_pylist())
            table = table.remove_column(0)
        else:
            lines = self.folder.files.read(entry.failures) if entry.failures else b""
            spans = rows.spans_without([json.loads(each)["row"] for each in lines.splitlines()])
        if formats()[kind].keeps_text:
            table = _with_types(table, _types_of(entry))
        return _named(table, entry.answers), spans


def _types_of(entry: Entry) -> list[str]:
    """Return the name of the type of each column of the answers of a piece."""
    return [each.type_of(item) for each in entry.answers for item in range(max(each.width, 1))]


def _type_named(name: str) -> pa.DataType | None:
    """Return the type with a name; None if that is one of lists or structs."""
    try:
        return pa.type_for_alias(name)
    except ValueError:
        return None


def _with_types(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return a table that was read from text, whose columns have the types with these names."""
    columns = [
        _with_type(column, _type_named(name))
        for column, name in zip(table.columns, names, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _with_type(column: pa.ChunkedArray, kind: pa.DataType | None) -> Any:
    if kind is None:
        if not pa.types.is_string(column.type):
            return column
        values = [json.loads(each) if each else None for each in column.to_pylist()]  # of CSV
        return array_of_json(values)
    if pa.types.is_null(kind):
        return pa.nulls(len(column))
    return column.cast(kind, safe=False)


def _is_written_as(wide: pa.Schema, own: pa.Schema, *, is_text: bool) -> bool:
    """Return whether values of some types are written as those of others with the same names."""
    return wide == own or (
        is_text
        and all(
            kind.type == one.type
            or pa.types.is_null(kind.type)
            or (pa.types.is_integer(kind.type) and pa.types.is_integer(one.type))
            for kind, one in zip(own, wide, strict=True)
        )
    )


def _named(table: pa.Table, columns: Sequence[AnswerColumn]) -> pa.Table:
    """Return a table whose columns are those of answers, with their own names."""
    names = form_names(form_of(columns))
    widths = {each.name: each.width for each in columns if each.width}
    return marked(table.rename_columns(names), widths)


def _arranged(table: pa.Table, form: Form) -> pa.Table:
    """Return a table with the columns of a form, in its order; one that is missing is null."""
    for name in form_names(form):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return table.select(form_names(form))
