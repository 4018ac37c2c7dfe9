"""Report how far a job is while it runs: on stderr, and to a function of the user."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.progress import counting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelship.batch.batch_status import BatchStatus
    from modelship.batch.manifest import Entry

__all__ = ["progress_of"]


@contextmanager
def progress_of(
    start: BatchStatus,
    *,
    shown: bool,
    on_progress: Callable[[BatchStatus], None] | None = None,
) -> Iterator[Callable[[Entry], None]]:
    """Yield a function to call with each new entry of the manifest.

    Parameters
    ----------
    start : BatchStatus
        How far the job was before.
    shown : bool
        Whether to show it on stderr: a bar on a terminal, lines at growing intervals elsewhere.
    on_progress : Callable, optional
        A function that gets the status after each entry.
    """
    meter = _Meter(start)
    with counting("Score the rows", total=start.rows, shown=shown) as show:
        show(start.rows_in, str(start))

        def report(entry: Entry) -> None:
            status = meter.after(entry)
            show(status.rows_in, str(status))
            if on_progress is not None:
                on_progress(status)

        yield report


class _Meter:
    """Counts the entries of a run; each costs the same, however many there are."""

    def __init__(self, start: BatchStatus) -> None:
        self._status = start
        self._seconds_before = start.seconds
        self._began = float("inf")
        self._ended = float("-inf")

    def after(self, entry: Entry) -> BatchStatus:
        """Return the status with one entry more."""
        before = self._status
        # The workers of a run have no pauses: it lasts from the first begin to the last end.
        self._began = min(self._began, entry.ended - entry.seconds)
        self._ended = max(self._ended, entry.ended)
        self._status = replace(
            before,
            rows_in=before.rows_in + entry.rows_in,
            rows_out=before.rows_out + entry.rows_out,
            failed=before.failed + entry.failed,
            done=before.done + 1,
            seconds=self._seconds_before + self._ended - self._began,
        )
        return self._status
