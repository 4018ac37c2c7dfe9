"""Define BatchAccount: check that each row of a job is written or noted as failed, once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from modelship.batch.batch_status import busy_seconds
from modelship.batch.batch_summary import BatchSummary
from modelship.batch.failed_mini_batches import mini_batches_in
from modelship.batch.failed_rows import failures_in
from modelship.batch.output_names import FAILED
from modelship.diagnosis.redaction import covered
from modelship.errors import BatchInputError, BatchInterruptedError, BatchStoppedError

if TYPE_CHECKING:
    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.first_rows import TriedRows
    from modelship.batch.manifest import Entry
    from modelship.batch.piece_work import PieceResult

__all__ = ["BatchAccount"]

_AGAIN: Final = "Fix the cause, and run the same command again"
_ELSEWHERE: Final = "Fix the cause, and name another output folder"
_LONGER: Final = "If a call may take longer, give it more time with timeout_s (--call-timeout). "
_ALLOW: Final = "if so many {} may fail, run it with "
_STARTED_BEFORE: Final = (
    "It has started before, for pieces that are done, and the bundle and the variables of the job "
    "are the same by their digests. What may differ: secrets, the environment variables, files and "
    "services that init() reads on this machine, and its free memory. "
)
_ANY: Final = "error_threshold=-1 (--error-threshold -1)"
_MORE: Final = "a higher error_threshold (--error-threshold), which keeps what is done"
_MORE_BATCHES: Final = (
    "a higher mini_batch_error_threshold (--mini-batch-error-threshold), which keeps what is done"
)
_MORE_PERCENT: Final = (
    "a higher allowed_failed_percent (--allowed-failed-percent), which keeps what is done"
)
_PERCENT: Final = 100


class BatchAccount:
    """The entries of a job while it runs.

    Parameters
    ----------
    plan : BatchPlan
        The plan.
    entries : dict[int, Entry]
        The entries of the pieces that are done, by their number; others are added to it.
    """

    def __init__(self, plan: BatchPlan, entries: dict[int, Entry]) -> None:
        self.plan = plan
        self.entries = entries
        self._failed = sum(each.failed for each in entries.values())

    def add(self, entry: Entry) -> None:
        """Add the entry of a piece that is done."""
        self.entries[entry.piece] = entry
        self._failed += entry.failed

    @property
    def is_proven(self) -> bool:
        """Whether a row was scored."""
        return any(each.rows_out for each in self.entries.values())

    def require_rows(self, result: PieceResult) -> None:
        """Check that a piece had the rows that were planned, and that each came out.

        Raises
        ------
        BatchInputError
            If not: its file has changed meanwhile.
        """
        piece = self.plan.pieces[result.piece]
        if result.rows_in + sum(result.rest) != piece.rows:
            raise BatchInputError(
                self.plan.files[piece.file].path,
                f"it had {piece.rows} rows from row {piece.first_row} on when the job began, "
                f"and has {result.rows_in} now",
                "Restore the file, or name another output folder.",
            )
        if result.rows_in != result.rows_out + result.failed:
            raise self.stopped(
                f"of {result.rows_in} rows of a piece, {result.rows_out} were written and "
                f"{result.failed} failed"
            )

    def require_at_most(self, error_threshold: int) -> None:
        """Check the number of failed rows; -1 allows any.

        Raises
        ------
        BatchStoppedError
            If there are more.
        """
        if 0 <= error_threshold < self._failed:
            raise self.too_many(f"{self._failed} rows failed, more than {error_threshold}")

    def require_batches_at_most(self, threshold: int, *, percent: float = _PERCENT) -> None:
        """Check the number of failed mini-batches, of which -1 allows any, and their percentage.

        The job ends as soon as the percentage of all its mini-batches is exceeded for certain.

        Raises
        ------
        BatchStoppedError
            If there are more.
        """
        failed = sum(each.failed_batches for each in self.entries.values())
        if 0 <= threshold < failed:
            problem = f"{failed} of the mini-batches failed, more than {threshold}"
            raise self.stopped(problem, advice=self._advice(_MORE_BATCHES, of="mini-batches"))
        if failed and _PERCENT * failed > percent * (count := mini_batches_in(self.plan)):
            problem = f"{failed} of {count} mini-batches failed, more than {percent:g} %"
            raise self.stopped(problem, advice=self._advice(_MORE_PERCENT, of="mini-batches"))

    def summary(self, *, scored: int, output: str) -> BatchSummary:
        """Return the counts of a job whose pieces are all done.

        Raises
        ------
        BatchStoppedError
            If a row is not accounted for, or all failed.
        """
        counts: Counter[str] = Counter()
        for each in self.entries.values():
            counts.update(rows_in=each.rows_in, rows_out=each.rows_out, failed=each.failed)
            counts["failed_batches"] += each.failed_batches
        if (
            self.entries.keys() != {each.number for each in self.plan.pieces}
            or counts["rows_in"] != self.plan.rows
            or counts["rows_in"] != counts["rows_out"] + counts["failed"]
        ):
            raise self.stopped(
                f"of {self.plan.rows} rows, {counts['rows_out']} were written and "
                f"{counts['failed']} failed"
            )
        if counts["failed"] and not counts["rows_out"]:
            raise self._all_failed(counts["failed"], output)
        return BatchSummary(
            rows_in=counts["rows_in"],
            rows_out=counts["rows_out"],
            failed=counts["failed"],
            pieces=len(self.entries),
            scored=scored,
            output=output,
            seconds=round(busy_seconds(self.entries.values()), 3),
            failed_batches=counts["failed_batches"],
        )

    def stopped(self, problem: str, *, log: str = "", advice: str = "") -> BatchStoppedError:
        """Return the error of a job that ended early."""
        done, pieces = len(self.entries), len(self.plan.pieces)
        return BatchStoppedError(problem, done, pieces, covered(log), advice)

    def not_ready(self, log: str, *, advice: str = "") -> BatchStoppedError:
        """Return the error of a job whose script does not start, or not any more."""
        if self.entries and not advice:
            advice = f"{_STARTED_BEFORE}{_AGAIN}: it scores what is missing."
        return self.stopped("the script does not start", log=log, advice=advice)

    def nothing_scored(self, tried: TriedRows) -> BatchStoppedError:
        """Return the error of a job whose first rows all failed."""
        problem = f"no row is scored yet, and all {tried.failed} that were tried alone failed"
        return self.stopped(
            f"{problem}, the last one with {tried.reason}",
            log=tried.log,
            advice=f"{_LONGER if tried.is_timeout else ''}{self._advice(_ANY)}",
        )

    def too_many(self, problem: str, *, log: str = "") -> BatchStoppedError:
        """Return the error of a job in which more rows failed than may."""
        return self.stopped(problem, log=log, advice=self._advice(_MORE))

    def _advice(self, threshold: str, *, of: str = "rows") -> str:
        """Return what helps: a folder with entries takes no corrected bundle or input."""
        return f"{_ELSEWHERE if self.entries else _AGAIN}; {_ALLOW.format(of)}{threshold}."

    def _all_failed(self, rows: int, output: str) -> BatchStoppedError:
        reason = failures_in(output)[0].reason
        advice = (
            f"Fix the cause, and name another output folder. The rows are in {output}/{FAILED}."
        )
        return self.stopped(f"all {rows} rows failed, most of them with {reason}", advice=advice)

    def interrupted(self) -> BatchInterruptedError:
        """Return the error of a job that was interrupted."""
        return BatchInterruptedError(
            "it was interrupted", done=len(self.entries), pieces=len(self.plan.pieces)
        )
