"""Define BatchSummary: what a job did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.batch.batch_status import of_batches
from modelship.batch.failed_rows import failures_in
from modelship.shown import card, counted, facts, folded, lines, mark, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from modelship.batch.failed_rows import Failure
    from modelship.evaluation import Report

__all__ = ["BatchSummary"]

_SHOWN = 10
_CHARACTERS = 200


@dataclass(frozen=True)
class BatchSummary:
    """What a job did.

    Parameters
    ----------
    rows_in, rows_out, failed : int
        The rows of the input, those written, and those that failed.
    pieces : int
        The pieces of the job.
    scored : int
        Those that this run has scored; the others were done before.
    output : str
        The folder of the output.
    seconds : float
        How long pieces were being scored, in this run and earlier ones, in seconds.
    failed_batches : int
        How many mini-batches of ParallelRunStep failed; their rows are among `failed`.
    """

    rows_in: int
    rows_out: int
    failed: int
    pieces: int
    scored: int
    output: str
    seconds: float = 0.0
    failed_batches: int = 0

    @property
    def rows_per_s(self) -> float:
        """The rows per second of all workers together; 0 if there are no rows."""
        return self.rows_in / self.seconds if self.seconds else 0.0

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """The failed rows by reason, the most frequent first, each with examples."""
        return failures_in(self.output) if self.failed else ()

    def evaluate(
        self,
        label: str | Sequence[str],
        *,
        task: Literal["classification", "regression"] | None = None,
    ) -> Report:
        """Return the metrics of the predictions, where the input has the true values.

        Rows that failed have no prediction, and are not part of it.

        Parameters
        ----------
        label : str or Sequence[str]
            The columns of the input with the true values; as many as the model has outputs.
        task : {"classification", "regression"}, optional
            The meaning of the labels; by default, fractional numbers are quantities.

        Raises
        ------
        BatchOutputError
            If the output has no such column.
        EvaluationError
            If the labels and the predictions do not fit.
        MissingExtraError
            Without scikit-learn.
        """
        from modelship.batch.batch_evaluation import evaluate_output

        return evaluate_output(self.output, label=label, task=task)

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained HTML page about the job.

        Raises
        ------
        MissingExtraError
            Without jinja2.
        StorageError
            If it cannot be written.
        """
        from modelship.batch.batch_page import write_page

        write_page(self.output, Path(path))

    def __str__(self) -> str:
        rate = f" at {self.rows_per_s:,.0f} rows/s" if self.rows_per_s else ""
        known = "" if self.scored else "; nothing was left to score"
        return (
            f"{counted(self.rows_in, 'row')}: {self.rows_out:,} scored, {self.failed:,} failed"
            f"{of_batches(self.failed_batches)}"
            f"{rate}, in {self.output}{known}"
        )

    def _repr_html_(self) -> str:
        tone = "warn" if self.failed else "good"
        shown: dict[str, Any] = {
            "rows": f"{self.rows_in:,}",
            "scored": f"{self.rows_out:,}",
            "failed": mark(f"{self.failed:,}", tone),
            "rate": f"{self.rows_per_s:,.0f} rows/s" if self.rows_per_s else "",
            "output": self.output,
        }
        parts = [facts(shown)]
        if self.failures:
            rows = [(f"{each.rows:,}", each.reason[:_CHARACTERS]) for each in self.failures]
            more = len(rows) - _SHOWN
            parts.append(
                folded(
                    "Failed rows by reason",
                    lines(
                        table(("rows", "reason"), rows[:_SHOWN]),
                        f"and {counted(more, 'more reason')}" if more > 0 else "",
                    ),
                )
            )
        return card("Batch job", *parts, note=counted(self.pieces, "piece"))
