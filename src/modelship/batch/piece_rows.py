"""Define PieceRows: the rows of a piece, as run() takes them, and as they are written."""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa

from modelship.batch.answer_tables import joined_answers, settled_answers
from modelship.batch.column_types import keeps_text
from modelship.batch.file_places import reading, require_same
from modelship.batch.row_files import Cut, ReadRows, formats, suffix_of
from modelship.batch.written_answers import answers_to_write, typed_answers
from modelship.errors import BatchInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelship.batch.batch_plan import BatchPlan, InputFile, Piece
    from modelship.batch.bisecting import BadRow
    from modelship.batch.scored_rows import MissingRows

__all__ = ["PieceRows", "read_piece"]


@dataclass(frozen=True)
class PieceRows:
    """The rows of a piece.

    Parameters
    ----------
    plan : BatchPlan
        The plan.
    piece : Piece
        The piece.
    rows : ReadRows
        Its rows, with the keys of its folders.
    starts : tuple[int, ...]
        The position of the first row of each of its files, if it has whole ones.
    """

    plan: BatchPlan
    piece: Piece
    rows: ReadRows
    starts: tuple[int, ...] = ()

    @property
    def script_table(self) -> pa.Table:
        """The columns that run() takes."""
        if self.plan.options.are_files:
            return self.rows.table
        columns = self.plan.columns
        found = self.rows.table.select(list(columns.script))
        return _spread(found.column(0), columns.values) if columns.values else found

    @property
    def count(self) -> int:
        """How many rows it has, with those that were refused."""
        return int(self.rows.table.num_rows) + len(self.rows.refused)

    def divided(self, count: int, rest: tuple[int, ...]) -> tuple[PieceRows, tuple[int, ...]]:
        """Return the first rows that run() takes, and how many rows the parts of the rest have.

        Rows that were refused are in addition to these: those of the rest are in the last part.
        """
        bad = [each.row for each in self.rows.refused]
        end = int(np.delete(np.arange(self.count), bad)[count])
        refused = tuple(each for each in self.rows.refused if each.row < end)
        rows = ReadRows(self.rows.table.slice(0, count), refused, self.rows.texts)
        return replace(self, rows=rows), (*rest[:-1], self.count - end - sum(rest[:-1]))

    def answers(self, parts: Iterable[pa.Table]) -> pa.Table:
        """Return the answers of some calls together; arrays are written once, as they are."""
        found = typed_answers(joined_answers(parts), self.plan.columns.prediction)
        kind = self.plan.output_format(self.piece)
        return settled_answers(found) if suffix_of(kind) == ".npz" else found

    def write(self, answers: pa.Table, spans: Sequence[tuple[int, int]], file: BinaryIO) -> None:
        """Write the rows that were scored, in ranges (first, stop), with their answers.

        Raises
        ------
        BatchInputError
            If the format of the output has no form for a column.
        """
        scored = answers_to_write(answers, self._taken)
        try:
            if self.rows.texts is not None:
                self.rows.texts.parts(spans).write(scored, file)
            else:
                kind = formats()[self.plan.output_format(self.piece)]
                kind.write(_side_by_side(_rows_in(self._kept, spans), scored), file)
        except (ValueError, pa.ArrowException) as error:
            path = self.plan.files[self.piece.file].path
            raise BatchInputError(path, f"its output cannot be written: {error}") from error

    def spans_without(self, failed: Sequence[int]) -> list[tuple[int, int]]:
        """Return the ranges of rows that were scored, but for those at positions in the file."""
        places = np.delete(np.arange(self.count), [each.row for each in self.rows.refused])
        return _spans(~np.isin(places + self.piece.first_row, failed))

    def spans_of(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """Return the ranges of files that have names, of which some may be equal."""
        left = [*reversed(names)]
        held = self._kept.column("file").to_pylist()
        return _spans(
            np.array([bool(left) and left[-1] == each and bool(left.pop()) for each in held])
        )

    def failures(self, bad: Sequence[BadRow], missing: Sequence[MissingRows] = ()) -> bytes:
        """Return the rows that failed, are missing or were refused, as JSON lines."""
        lines_of = (*self._failed(bad), *self._missing(missing), *self._refused())
        found = sorted(lines_of, key=lambda each: each[0])
        lines = (json.dumps(each, default=str, ensure_ascii=False) for _, each in found)
        return "".join(f"{line}\n" for line in lines).encode(errors="replace")

    @property
    def _kept(self) -> pa.Table:
        if self.plan.options.are_files:  # their output has the names, not the places
            return pa.table({"file": [each.name for each in self.plan.files_of(self.piece)]})
        table = self.rows.table
        names = table.column_names
        held = {*names}
        kept = [each for each in self.plan.columns.kept if each in held]
        return table if kept == names else table.select(kept)

    @property
    def _taken(self) -> Sequence[str]:
        return ("file",) if self.plan.options.are_files else self.plan.columns.names

    def _failed(self, bad: Sequence[BadRow]) -> Iterator[tuple[int, dict[str, Any]]]:
        refused = [each.row for each in self.rows.refused]
        places = np.delete(np.arange(self.count), refused)
        table = self._kept if self.plan.options.are_files else self.rows.table
        values = table.take(pa.array([each.row for each in bad], pa.int64())).to_pylist()
        for each, held in zip(bad, values, strict=True):
            place = int(places[each.row])
            if self.plan.options.are_files:
                yield place, held | {"reason": each.reason}
            else:
                text = {} if self.rows.texts is None else {"text": self.rows.texts.text(each.row)}
                yield place, {**self._of(place, each.reason), "values": held, **text}

    def _missing(self, missing: Sequence[MissingRows]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield a line for each missing element: to which row it belongs is not known."""
        for each in missing:
            told = f"run() returned {each.elements} elements for the {each.stop - each.first}"
            if self.plan.options.are_files:
                names = self._kept.column("file").to_pylist()
                span = f"files from {names[each.first]!r} to {names[each.stop - 1]!r}"
                line: dict[str, Any] = {"file": "", "reason": f"{told} {span}"}
            else:
                line = {**self._of(each.first, f"{told} rows of its mini-batch"), "row": None}
            yield from [(each.stop - 1, line)] * each.rows

    def _refused(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for each in self.rows.refused:
            yield each.row, {**self._of(each.row, each.reason), "values": each.values}

    def _of(self, row: int, reason: str) -> dict[str, Any]:
        file, first = self.piece.file, self.piece.first_row
        if self.starts:
            at = bisect_right(self.starts, row) - 1
            file, first = self.piece.start + at, -self.starts[at]
        return {"file": self.plan.files[file].name, "row": first + row, "reason": reason}


def read_piece(plan: BatchPlan, piece: Piece) -> PieceRows:
    """Read the rows of a piece; those of files are their paths.

    Raises
    ------
    BatchInputError
        If its file cannot be read, or has changed since the plan was made.
    """
    if plan.options.are_files:
        require_same(plan.files_of(piece))
        table = pa.table({"path": [each.path for each in plan.files_of(piece)]})
        return PieceRows(plan, piece, ReadRows(table))
    if plan.options.partition_keys:
        return _read_group(plan, piece)
    file = plan.files[piece.file]
    cut = Cut(piece.start, piece.stop, piece.first_row, piece.rows)
    found = PieceRows(plan, piece, _read(plan, file, cut, keep_text=keeps_text(file, plan.options)))
    _require_counted(found)
    return found


def _read_group(plan: BatchPlan, piece: Piece) -> PieceRows:
    """Read the rows of all files of a group."""
    tables, refused, starts, count = [], [], [], 0
    for file in plan.files_of(piece):
        with reading(file) as source:
            cuts = formats()[file.format].cuts(source, piece_bytes=sys.maxsize)
        starts.append(count)
        for cut in cuts:
            rows = _read(plan, file, cut)
            tables.append(rows.table)
            refused += [replace(each, row=count + each.row) for each in rows.refused]
            count += rows.table.num_rows + len(rows.refused)
    joined = ReadRows(pa.concat_tables(tables), tuple(refused))
    found = PieceRows(plan, piece, joined, tuple(starts))
    _require_counted(found)
    return found


def _read(plan: BatchPlan, file: InputFile, cut: Cut, *, keep_text: bool = False) -> ReadRows:
    """Read rows of a file, with the keys of its folders."""
    schema = in_file = plan.columns.schema
    if plan.columns.keys:
        in_file = pa.schema([each for each in schema if each.name not in plan.columns.keys])
    with reading(file) as source:
        rows = formats()[file.format].read(source, cut, in_file, keep_text=keep_text)
    if not plan.columns.keys:
        return rows
    return ReadRows(_with_keys(rows.table, file, schema), rows.refused, rows.texts)


def _require_counted(found: PieceRows) -> None:
    if found.count != found.piece.rows:
        raise BatchInputError(
            found.plan.files[found.piece.file].path,
            f"{found.count} rows were read where {found.piece.rows} were counted",
        )


def _spans(are_in: np.ndarray[Any, Any]) -> list[tuple[int, int]]:
    """Return the ranges of positions at which an array is true."""
    changes = np.flatnonzero(np.diff(are_in.astype(np.int8), prepend=0, append=0)).tolist()
    return [*zip(changes[::2], changes[1::2], strict=True)]


def _rows_in(rows: pa.Table, spans: Sequence[tuple[int, int]]) -> pa.Table:
    """Return the rows in ranges, one after the other; without a slice where these are all."""
    whole = _joined_spans(spans)
    if whole == [(0, rows.num_rows)]:
        return rows
    return pa.concat_tables(rows.slice(start, stop - start) for start, stop in whole)


def _joined_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges of which none begins where the one before it ends."""
    found: list[tuple[int, int]] = []
    for start, stop in spans:
        is_next = bool(found) and found[-1][1] == start
        found.append((found.pop()[0] if is_next else start, stop))
    return found


def _side_by_side(rows: pa.Table, answers: pa.Table) -> pa.Table:
    for field, column in zip(answers.schema, answers.columns, strict=True):
        rows = rows.append_column(field, column)  # the others stay as they are, however many
    return rows


def _with_keys(table: pa.Table, file: InputFile, schema: pa.Schema) -> pa.Table:
    """Return rows with the keys of their folders as columns, in the order of the schema."""
    given, held = dict(file.partition), {*table.column_names}
    for field in schema:
        if field.name not in held:
            text = pa.array([given.get(field.name)], pa.string()).cast(field.type)
            indices = pa.array(np.zeros(table.num_rows, np.int64))
            table = table.append_column(field, text.take(indices))
    return table.select(schema.names)


def _spread(lists: pa.ChunkedArray, names: Sequence[str]) -> pa.Table:
    """Return lists of a fixed size as a column for each of their values."""
    values = pa.concat_arrays([pa.array([], lists.type.value_type), *map(_flat, lists.chunks)])
    places = np.arange(len(lists)) * len(names)
    return pa.table([values.take(pa.array(places + at)) for at in range(len(names))], [*names])


def _flat(lists: pa.FixedSizeListArray) -> pa.Array:
    """Return the values of lists; as many for one that is missing."""
    filled = lists.fill_null([None] * lists.type.list_size) if lists.null_count else lists
    return filled.flatten()
