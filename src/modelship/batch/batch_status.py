"""Define BatchStatus: how far a job is, from its plan and its manifest; in any process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from modelship.batch.output_folder import OutputFolder, with_all_cuts
from modelship.batch.output_names import PLAN, SUCCESS
from modelship.errors import BatchOutputError
from modelship.shown import card, facts, mark

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry

__all__ = ["BatchStatus", "busy_seconds", "duration_text", "of_batches", "read_job"]


State = Literal["complete", "running", "incomplete"]

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


@dataclass(frozen=True)
class BatchStatus:
    """How far a job is.

    Parameters
    ----------
    output : str
        The folder of the output.
    state : {"complete", "running", "incomplete"}
        Whether all rows are accounted for; else, whether a process is scoring the rest.
    rows : int
        The rows of the input.
    rows_in, rows_out, failed : int
        The rows of the pieces that are done; those that were written, and those that failed.
    pieces, done : int
        The pieces of the job, and how many are done.
    seconds : float
        How long pieces were being scored, without init() and pauses between runs, in seconds.
    failed_batches : int
        How many mini-batches of ParallelRunStep failed; their rows are among `failed`.
    """

    output: str
    state: State
    rows: int
    rows_in: int
    rows_out: int
    failed: int
    pieces: int
    done: int
    seconds: float
    failed_batches: int = 0

    @property
    def rows_per_s(self) -> float:
        """The rows per second of all workers together; 0 before the first piece is done."""
        return self.rows_in / self.seconds if self.seconds else 0.0

    @property
    def remaining_s(self) -> float | None:
        """The estimated seconds until the end; None before the first piece is done."""
        return (self.rows - self.rows_in) / self.rows_per_s if self.rows_per_s else None

    @classmethod
    def of(cls, output: str | Path) -> BatchStatus:
        """Read the status of a job from its output folder, whether it is running or not.

        Raises
        ------
        BatchOutputError
            If the folder is not the output of a batch job.
        """
        return cls.with_job(output)[0]

    @classmethod
    def with_job(cls, output: str | Path) -> tuple[BatchStatus, BatchPlan, list[Entry]]:
        """Read the status of a job, and with it what :func:`read_job` returns.

        Raises
        ------
        BatchOutputError
            If the folder is not the output of a batch job.
        """
        state = _state_of(output)  # before the rest: all of a complete job is read
        plan, entries = read_job(output)
        return cls.counted(output, plan, entries, state=state), plan, entries

    @classmethod
    def counted(
        cls, output: str | Path, plan: BatchPlan, entries: Iterable[Entry], *, state: State
    ) -> BatchStatus:
        """Return the status of a job with these entries."""
        done = list(entries)
        return cls(
            output=str(output),
            state=state,
            rows=plan.rows,
            rows_in=sum(each.rows_in for each in done),
            rows_out=sum(each.rows_out for each in done),
            failed=sum(each.failed for each in done),
            pieces=len(plan.pieces),
            done=len(done),
            seconds=busy_seconds(done),
            failed_batches=sum(each.failed_batches for each in done),
        )

    def __str__(self) -> str:
        told = [f"{self.rows_in:,} of {self.rows:,} rows"]
        if self.rows_per_s:
            told.append(f"{self.rows_per_s:,.0f} rows/s")
        if self.state != "complete" and self.remaining_s is not None:
            told.append(f"about {duration_text(self.remaining_s)} left")
        if self.failed:
            told.append(f"{self.failed:,} failed{of_batches(self.failed_batches)}")
        return ", ".join(told)

    def _repr_html_(self) -> str:
        state = mark(self.state, "good" if self.state == "complete" else "warn")
        return card(
            "Batch job",
            facts({"state": state, "progress": str(self), "output": self.output}),
        )


def read_job(output: str | Path) -> tuple[BatchPlan, list[Entry]]:
    """Return the plan of a job, and what is entered in its manifest, in the order of the pieces.

    Raises
    ------
    BatchOutputError
        If the folder is not the output of a batch job.
    BatchResumeError
        If its plan or its manifest is damaged.
    StorageError
        If it cannot be read.
    """
    folder = OutputFolder(output)
    with folder.files.storing():
        plan = folder.plan()
        if plan is None:
            raise BatchOutputError(str(output), f"it has no {PLAN}")
        manifest = folder.manifest(plan)
        entries = manifest.read()
        plan = with_all_cuts(plan, manifest)
    return plan, [entries[number] for number in sorted(entries)]


def of_batches(failed: int) -> str:
    """Return how many mini-batches failed, in words; nothing for none."""
    noun = "mini-batch" if failed == 1 else "mini-batches"
    return f" ({failed:,} {noun} failed)" if failed else ""


def _state_of(output: str | Path) -> State:
    files = OutputFolder(output).files
    with files.storing():
        is_driven = files.is_driven()  # first: a job may become complete meanwhile, and end
        if files.exists(SUCCESS):
            return "complete"
    return "running" if is_driven else "incomplete"


def busy_seconds(entries: Iterable[Entry]) -> float:
    """Return for how long at least one of the pieces was being scored, in seconds."""
    total, reached = 0.0, float("-inf")
    for began, ended in sorted((each.ended - each.seconds, each.ended) for each in entries):
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


def duration_text(seconds: float) -> str:
    """Return a duration such as ``"12 s"``, ``"3 min 20 s"`` or ``"2 h 5 min"``."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
