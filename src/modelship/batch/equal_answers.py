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

from modelship.batch.answer_files import last_columns
from modelship.batch.answer_forms import answer_columns, common_form, form_names, form_of
from modelship.batch.answer_kinds import Kind, common_kinds, kind_named
from modelship.batch.answer_lists import marked, with_lists
from modelship.batch.answer_tables import settled_answers
from modelship.batch.answer_types import JSON, WHOLE, common_type, list_of, written_type
from modelship.batch.answer_values import array_of, settled, values_of
from modelship.batch.output_names import SUCCESS
from modelship.batch.piece_rows import read_piece
from modelship.batch.scorer.item_names import item_names
from modelship.errors import BatchResumeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from modelship.batch.answer_forms import Form
    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import AnswerColumn, Entry, Manifest
    from modelship.batch.output_folder import OutputFolder
    from modelship.batch.piece_rows import PieceRows

    _Types: TypeAlias = "Mapping[str, pa.DataType | None]"

__all__ = ["equal_answers", "require_known_types"]

_TYPED: Final = ".parquet"
_ARRAYS: Final = ".npz"


def require_known_types(entries: Mapping[int, Entry], *, output: str) -> None:
    """Check that the types of answers can be read which the manifest of a begun job notes.

    Raises
    ------
    BatchResumeError
        If not: another release of modelship has begun the job, and noted them in other texts.
    """
    columns = {each for entry in entries.values() for each in entry.answers}
    unknown = next((each for each in columns if not _is_known(each)), None)
    if unknown is not None:
        raise BatchResumeError(
            output,
            "another release of modelship has begun it, which noted the types of answers as "
            f"{', '.join(unknown.types)}",
            "Resume it with that release, or name another output folder.",
        )


def _is_known(column: AnswerColumn) -> bool:
    try:
        _kinds_of(column)
    except (ValueError, TypeError, KeyError):
        return False
    return True


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
    if () in known or folder.files.exists(SUCCESS):
        return  # an earlier version of modelship noted no columns
    if len(known) <= 1 and not any(_is_open(each) for answers in known for each in answers):
        return
    job = _Job(folder, plan, common_form([form_of(each) for each in known]))
    types = job.types([each.answers for each in written if not each.output.endswith(_ARRAYS)])
    for each in written:
        if not job.is_written(each, types):
            yield job.rewrite(each, manifest, types=types)


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

    def types(self, answers: Sequence[tuple[AnswerColumn, ...]]) -> _Types:
        """Return the type of each column of the form, from those of all pieces."""
        kinds: dict[str, list[Kind]] = {}
        for each in dict.fromkeys(answers):
            for name, kind in self.kinds(each):
                kinds.setdefault(name, []).append(kind)
        items = {name for each in self.form if each[1] for name in item_names(*each)}
        return {
            name: common_type(common_kinds(each), is_item=name in items)
            for name, each in kinds.items()
        }

    def kinds(self, answers: Sequence[AnswerColumn]) -> Iterator[tuple[str, Kind]]:
        """Yield the name and the kind of each column of a piece, in the form of all."""
        for each in answers:
            kinds = _kinds_of(each)
            if each.width == dict(self.form)[each.name]:
                yield from zip(form_names(form_of([each])), kinds, strict=True)
            else:
                item = common_type((kind.type for kind in kinds), is_item=True)
                yield each.name, Kind(list_of(item))

    def is_written(self, entry: Entry, types: _Types) -> bool:
        """Return whether the output of a piece has the form and the types of all."""
        if form_of(entry.answers) != self.form_for(entry):
            return False
        is_text = not entry.output.endswith(_TYPED)
        return entry.output.endswith(_ARRAYS) or all(
            _is_written_as(types[name], kind, is_text=is_text)
            for name, kind in self.kinds(entry.answers)
        )

    def formed(self, answers: pa.Table, entry: Entry) -> pa.Table:
        """Return answers in the form that they have together."""
        form = self.form_for(entry)
        lists = [each for each in entry.answers if each.width != dict(form)[each.name]]
        answers = with_lists(answers, [each.name for each in lists if each.width])
        return _arranged(answers, form)

    def rewrite(self, entry: Entry, manifest: Manifest, *, types: _Types) -> Entry:
        """Write the output of a piece again, with its answers in that form."""
        rows = read_piece(self.plan, self.plan.pieces[entry.piece])
        answers, spans = self._written(rows, entry)
        answers = self.formed(answers, entry)
        are_arrays = entry.output.endswith(_ARRAYS)
        answers = settled_answers(answers) if are_arrays else _settled(answers, types)
        write = partial(rows.write, answers, spans)
        return self.folder.rewrite(entry, write, manifest, answers=answer_columns(answers))

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
        if not entry.output.endswith(_ARRAYS):
            kinds = [kind for each in entry.answers for kind in _kinds_of(each)]
            columns = [*map(_with_kind, table.columns, kinds)]
            table = pa.table(columns, names=[str(at) for at in range(count)])
        return _named(table, entry.answers), spans


def _is_open(column: AnswerColumn) -> bool:
    """Return whether the output of a piece has values that are to be written again in any case."""
    return any(not _is_written_as(each.type, each, is_text=True) for each in _kinds_of(column))


def _kinds_of(column: AnswerColumn) -> list[Kind]:
    """Return the kind of each column of the output of a piece that an answer has."""
    return [kind_named(column.type_of(item)) for item in range(max(column.width, 1))]


def _is_written_as(wide: pa.DataType | None, kind: Kind, *, is_text: bool) -> bool:
    """Return whether the values of a piece are written as those of all its columns' type."""
    target, own = written_type(wide), written_type(kind.type)
    if kind.is_json:
        return bool(kind.type == WHOLE and pa.types.is_string(target))
    if own == target or not is_text:
        return bool(own == target)
    return bool(pa.types.is_null(own) or (pa.types.is_integer(own) and pa.types.is_integer(target)))


def _with_kind(column: pa.ChunkedArray, kind: Kind) -> Any:
    """Return a column of the output of a piece with the type that its answers have."""
    target = kind.column_type
    if column.type == target:
        return column
    if pa.types.is_null(column.type) or pa.types.is_null(target):
        return pa.nulls(len(column), target)
    if pa.types.is_nested(target):
        is_csv = pa.types.is_string(column.type)
        return array_of(values_of(column.cast(JSON) if is_csv else column), target)
    return column.cast(target, safe=False)


def _settled(table: pa.Table, types: _Types) -> pa.Table:
    """Return answers with the types that those of all pieces have."""
    columns = [settled(table.column(name), types[name]) for name in table.column_names]
    found = pa.table(columns, names=table.column_names)
    return found.replace_schema_metadata(table.schema.metadata)


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
