"""Report how far a job is while it runs: on stderr, and to a function of the user."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.progress import counting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.batch_status import BatchStatus
    from modelship.batch.manifest import Entry
    from modelship.batch.piece_progress import PieceProgress

__all__ = ["ProgressReport", "progress_of"]


@contextmanager
def progress_of(
    start: BatchStatus,
    *,
    shown: bool,
    on_progress: Callable[[BatchStatus], None] | None = None,
) -> Iterator[ProgressReport]:
    """Yield what is told of each new entry of the manifest, and of the pieces under way.

    Parameters
    ----------
    start : BatchStatus
        How far the job was before.
    shown : bool
        Whether to show it on stderr: a bar on a terminal, lines at growing intervals elsewhere.
    on_progress : Callable, optional
        A function that gets the status after each entry.
    """
    with counting("Score the rows", total=start.rows, shown=shown) as show:
        show(start.rows_in, str(start))
        yield ProgressReport(start, show, on_progress)


class ProgressReport:
    """Shows how far a run is, and tells a function of the user.

    Parameters
    ----------
    start : BatchStatus
        How far the job was before.
    show : Callable
        Shows how many rows are done, and a few words.
    on_progress : Callable, optional
        The function.
    """

    def __init__(
        self,
        start: BatchStatus,
        show: Callable[[int, str], None],
        on_progress: Callable[[BatchStatus], None] | None = None,
    ) -> None:
        self._meter = _Meter(start)
        self._show = show
        self._on_progress = on_progress

    def done(self, entry: Entry) -> None:
        """Count a piece that is done."""
        status = self._meter.after(entry)
        self._show_now()
        if self._on_progress is not None:
            self._on_progress(status)

    def cut(self, plan: BatchPlan) -> None:
        """Note that pieces were cut again."""
        self._meter.cut(len(plan.pieces))

    def during(self, progress: PieceProgress) -> None:
        """Show how far a piece is."""
        self._meter.note(progress)
        self._show_now()

    def _show_now(self) -> None:
        now = self._meter.now()
        self._show(now.rows_in, str(now))


class _Meter:
    """Counts the entries of a run; each costs the same, however many there are."""

    def __init__(self, start: BatchStatus) -> None:
        self._status = start
        self._seconds_before = start.seconds
        self._began = float("inf")
        self._ended = float("-inf")
        self._under_way: dict[int, PieceProgress] = {}

    def cut(self, pieces: int) -> None:
        """Note that there are more pieces now."""
        self._status = replace(self._status, pieces=pieces)

    def note(self, progress: PieceProgress) -> None:
        """Note how far a piece is."""
        self._under_way[progress.piece] = progress
        self._began = min(self._began, time.time() - progress.seconds)

    def now(self) -> BatchStatus:
        """Return the status with the rows of the pieces under way."""
        if not self._under_way:
            return self._status
        before, parts = self._status, self._under_way.values()
        scored, failed = sum(each.scored for each in parts), sum(each.failed for each in parts)
        return replace(
            before,
            rows_in=before.rows_in + scored + failed,
            rows_out=before.rows_out + scored,
            failed=before.failed + failed,
            seconds=self._seconds_before + time.time() - self._began,
        )

    def after(self, entry: Entry) -> BatchStatus:
        """Return the status with one entry more."""
        self._under_way.pop(entry.piece, None)
        before = self._status
        # The workers of a run have no pauses: it lasts from the first begin to the last end.
        self._began = min(self._began, entry.ended - entry.seconds)
        self._ended = max(self._ended, entry.ended)
        self._status = replace(
            before,
            rows_in=before.rows_in + entry.rows_in,
            rows_out=before.rows_out + entry.rows_out,
            failed=before.failed + entry.failed,
            failed_batches=before.failed_batches + entry.failed_batches,
            done=before.done + 1,
            seconds=self._seconds_before + self._ended - self._began,
        )
        return self._status
