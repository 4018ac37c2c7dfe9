"""Compare what a batch job has written with the answers of a service to the same rows."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from modelship.batch.answer_files import answer_columns_in, output_tables
from modelship.batch.answer_lists import widths_of, with_lists
from modelship.batch.answer_tables import answer_table, settled_answers
from modelship.batch.batch_status import read_job
from modelship.batch.scorer.answer_columns import columns_of_answer
from modelship.batch.scorer.item_names import item_names
from modelship.bundle.payload import payload_of
from modelship.comparison.differences import Difference
from modelship.comparison.scoring_request import ScoringRequest
from modelship.errors import BatchOutputError
from modelship.parity.parity import ParityReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry
    from modelship.targets import Deployment

__all__ = ["compare_batch"]

_BATCH: Final = "batch"


def compare_batch(
    output: str | Path,
    service: Deployment,
    *,
    rows: int = 1000,
    request_rows: int = 100,
    tolerance: float = 0.0,
) -> ParityReport:
    """Send rows of a batch job to a service, and compare its answers with what the job has written.

    Parameters
    ----------
    output : str or Path
        The folder of the output.
    service : Deployment
        The service.
    rows : int
        How many rows to send, spread over the pieces of the job.
    request_rows : int
        How many rows one request has.
    tolerance : float
        The allowed difference of two floats, absolute or relative to the larger; 0 allows none.

    Raises
    ------
    BatchOutputError
        If the folder is not the output of a batch job, or has no rows, or not the columns that the
        script takes.
    ScoringError
        If the service does not answer.
    """
    plan, entries = read_job(output)
    name = service.target
    requests: list[ScoringRequest] = []
    found: list[Difference] = []
    for where, table in _samples(output, plan, entries, rows=rows, size=request_rows):
        answers = table.select(answer_columns_in(table.column_names, plan))
        given = table.select(_columns_to_send(table, plan, output))
        payload = payload_of(given.to_pandas(), key=service.input_key, form=service.input_form)
        request = ScoringRequest(where, body=json.dumps(payload).encode())
        said = answer_table(*columns_of_answer(service.run(payload), rows=table.num_rows))
        said = settled_answers(with_lists(said, _lists_in(answers, said)))
        requests.append(request)
        found += _differences(request, answers, said, name=name, tolerance=tolerance)
    if not requests:
        raise BatchOutputError(str(output), "it has no rows yet", "Run the job first.")
    return ParityReport((_BATCH, name), tuple(requests), (), tuple(found))


def _samples(
    output: str | Path, plan: BatchPlan, entries: Sequence[Entry], *, rows: int, size: int
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the first rows of each piece, and what they are; together about `rows`."""
    written = [each for each in entries if each.output]
    share = max(1, math.ceil(rows / max(1, len(written))))
    for entry, table in output_tables(output, plan, written[:rows]):
        piece = plan.pieces[entry.piece]
        table = _with_keys(table, plan.files[piece.file].partition)  # noqa: PLW2901 - the same rows
        for at in range(0, min(share, table.num_rows), size):
            part = table.slice(at, min(size, share - at))
            where = f"{plan.files[piece.file].name}, scored rows {piece.first_row + at} and on"
            yield where, part


def _with_keys(table: pa.Table, keys: Sequence[tuple[str, str | None]]) -> pa.Table:
    """Add the columns that are in the names of folders."""
    for name, value in keys:
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows))
    return table


def _lists_in(written: pa.Table, said: pa.Table) -> list[str]:
    """Return the lists of a service that are lists in the output, as those of other rows differ."""
    widths = widths_of(said.schema)
    return [
        name
        for name, width in widths.items()
        if not {*item_names(name, width)} <= {*written.column_names}
    ]


def _columns_to_send(table: pa.Table, plan: BatchPlan, output: str | Path) -> list[str]:
    """Return the columns that the script takes."""
    for name in plan.columns.script:
        if name not in table.column_names:
            advice = "Compare a job that keeps all columns: one without --column."
            raise BatchOutputError(str(output), f"it was told not to keep {name!r}", advice)
    return list(plan.columns.script)


def _differences(
    request: ScoringRequest,
    written: pa.Table,
    said: pa.Table,
    *,
    name: str,
    tolerance: float,
) -> Iterator[Difference]:
    """Yield the first difference of each column."""
    # A column that no answer to these rows has is there for other rows of the job.
    for column in {*written.column_names} - {*said.column_names}:
        if written[column].null_count == written.num_rows:
            said = said.append_column(column, written[column])
    if set(written.column_names) != set(said.column_names):
        told = {_BATCH: ", ".join(written.column_names), name: ", ".join(said.column_names)}
        yield Difference(request, "columns", told)
        return
    for column in written.column_names:
        pairs = zip(written[column].to_pylist(), said[column].to_pylist(), strict=True)
        for row, (one, other) in enumerate(pairs):
            if not _equal(one, other, tolerance=tolerance):
                values = {_BATCH: repr(one), name: repr(other)}
                yield Difference(request, column, values, where=f"[{row}]")
                break


def _equal(one: Any, other: Any, *, tolerance: float) -> bool:
    if isinstance(one, str) and isinstance(other, list):  # in CSV, lists are JSON
        with suppress(ValueError):
            one = json.loads(one)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return all(_equal(*each, tolerance=tolerance) for each in pairs)
    if isinstance(one, float) and isinstance(other, float | int):
        both_missing = math.isnan(one) and other != other  # noqa: PLR0124 - NaN
        return both_missing or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    return bool(one == other)
