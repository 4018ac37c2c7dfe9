"""Score a piece as ParallelRunStep does: each mini-batch succeeds or fails as a whole.

The rules are those of :mod:`modelship.batch.mini_batch.batch_pool`. A mini-batch is never halved:
what a script does with it may depend on all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modelship.batch.bisecting import BadRow, TooManyFailedError
from modelship.batch.call_errors import CallError
from modelship.batch.manifest import BadBatch
from modelship.batch.scored_rows import Elements, MissingRows, ScoredRows
from modelship.batch.scoring_process import put_part

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from modelship.batch.piece_work import Work
    from modelship.batch.scoring_process import ScoringProcess

__all__ = ["MiniBatchCall", "scored_in_mini_batches"]


class MiniBatchCall(Protocol):
    """Returns the elements for the items from a first to an exclusive last, or raises CallError."""

    def __call__(self, first: int, stop: int, *, timeout_s: float) -> Elements: ...


def scored_in_mini_batches(
    work: Work, table: pa.Table, process: ScoringProcess, *, tell: Callable[[int, int], None]
) -> ScoredRows:
    """Score the rows of a piece; those of tables, and of a group, are one mini-batch.

    Raises
    ------
    TooManyFailedError
        If more items fail than may.
    """
    options = work.plan.options
    call = _call_of(table, process)
    is_split = options.are_files and not options.partition_keys
    size = options.items_per_call if is_split else table.num_rows
    texts: list[bytes] = []
    bad: list[BadRow] = []
    missing: list[MissingRows] = []
    broken: list[BadBatch] = []
    failed = 0
    for first in range(0, table.num_rows, size):
        stop = min(first + size, table.num_rows)
        found = _tried(call, first, stop, work)
        rows = 0 if isinstance(found, CallError) else min(found.rows, stop - first)
        if isinstance(found, CallError):
            broken.append(BadBatch(first, stop - first, _reason(found)))
        else:
            texts.append(found.text)
        if not rows:
            bad += [BadRow(each, _reason(found)) for each in range(first, stop)]
        elif rows < stop - first:
            missing.append(MissingRows(first, stop, rows))
        failed += stop - first - rows
        if 0 <= work.error_threshold < failed:
            raise TooManyFailedError(failed, _reason(found))
        tell(stop - failed, failed)
    write = (lambda file: file.writelines(texts)) if options.appends_rows and any(texts) else None
    return ScoredRows(
        rows_out=table.num_rows - failed,
        write=write,
        bad=bad,
        missing=missing,
        bad_batches=broken,
        failed_batches=len(broken),
    )


def _call_of(table: pa.Table, process: ScoringProcess) -> MiniBatchCall:
    """Return what scores mini-batches of the rows of a table in a process."""

    def call(first: int, stop: int, *, timeout_s: float) -> Elements:
        put_part(process, table, first, stop)
        return process.score_mini_batch(0, stop - first, timeout_s=timeout_s)

    return call


def _tried(call: MiniBatchCall, first: int, stop: int, work: Work) -> Elements | CallError:
    """Return the elements of a mini-batch, or the error of its last try."""
    for _ in range(1 + work.retries):
        try:
            return call(first, stop, timeout_s=work.timeout_s)
        except CallError as error:  # noqa: PERF203 - a call takes longer
            last = error
    return last


def _reason(found: Elements | CallError) -> str:
    if isinstance(found, CallError):
        return found.reason
    return f"run() returned {found.rows} elements for its mini-batch"
