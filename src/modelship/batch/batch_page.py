"""Write a batch job as one self-contained HTML page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.batch.answer_files import output_tables
from modelship.batch.answer_histograms import histograms
from modelship.batch.batch_status import BatchStatus, duration_text
from modelship.batch.failed_mini_batches import failed_mini_batches
from modelship.batch.failed_rows import failures_in
from modelship.batch.job_facts import facts_in
from modelship.evaluation.formatting import shortened
from modelship.evaluation.page import filled
from modelship.shown import counted
from modelship.staging import storing, write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.failed_rows import FailedRow, Failure
    from modelship.batch.manifest import Entry

__all__ = ["render_job", "write_page"]

_SPANS: Final = 60
_MOST_REASONS: Final = 20
_MOST_HISTOGRAMS: Final = 12
_CHARACTERS: Final = 300
_ROW_CHARACTERS: Final = 400


@dataclass(frozen=True)
class _Span:
    """The rows per second of a part of the time."""

    label: str
    rows: float


def write_page(output: str | Path, page: Path) -> BatchStatus:
    """Write the page of a job; return its status.

    Raises
    ------
    BatchOutputError
        If the folder is not the output of a batch job.
    MissingExtraError
        Without jinja2.
    StorageError
        If the page cannot be written.
    """
    status, plan, entries = BatchStatus.with_job(output)
    text = render_job(status, plan, entries)
    with storing(page, ours=False):
        write_atomic(page, text)
    return status


def render_job(status: BatchStatus, plan: BatchPlan, entries: Sequence[Entry]) -> str:
    """Return the page of a job."""
    folder = status.output
    shown = histograms(
        table for _, table in output_tables(folder, plan, entries, answers_only=True)
    )
    failures = failures_in(folder) if status.failed else ()
    return filled(
        "modelship.batch",
        "batch_report.html.j2",
        status=status,
        duration=duration_text(status.seconds),
        histograms=shown[:_MOST_HISTOGRAMS],
        hidden=[each.name for each in shown[_MOST_HISTOGRAMS:]],
        failures=[_failure(each) for each in failures[:_MOST_REASONS]],
        mini_batches=failed_mini_batches(plan, entries)[:_MOST_REASONS],
        more_reasons=max(0, len(failures) - _MOST_REASONS),
        spans=throughput(entries),
        identities=_identities(plan),
        facts=facts_in(folder),
        files=plan.files,
    )


def throughput(entries: Sequence[Entry], *, spans: int = _SPANS) -> tuple[_Span, ...]:
    """Return the rows per second over the time in which pieces were scored, without pauses."""
    times = sorted((each.ended - each.seconds, each.ended, each.rows_in) for each in entries)
    placed, total = _without_pauses(times)
    if not total:
        return ()
    width = total / spans
    rates = [0.0] * spans
    for began, ended, rows in placed:
        for at in range(int(began / width), min(int(ended / width), spans - 1) + 1):
            shared = min(ended, (at + 1) * width) - max(began, at * width)
            rates[at] += rows * max(shared, 0.0) / max(ended - began, 1e-9) / width
    return tuple(
        _Span(f"{at * width:.3g} to {(at + 1) * width:.3g} s", rate)
        for at, rate in enumerate(rates)
    )


def _without_pauses(
    times: Sequence[tuple[float, float, int]],
) -> tuple[list[tuple[float, float, int]], float]:
    """Return the times as seconds since the begin, less those in which nothing was scored."""
    placed, skipped, reached = [], 0.0, None
    for began, ended, rows in times:
        if reached is None or began > reached:
            skipped += began - (reached or 0.0)
        reached = max(ended, reached or ended)
        placed.append((began - skipped, ended - skipped, rows))
    return placed, (reached or 0.0) - skipped


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "reason": shortened(failure.reason, characters=_CHARACTERS),
        "rows": failure.rows,
        "examples": [_example(each) for each in failure.examples],
    }


def _example(row: FailedRow) -> dict[str, str]:
    place = row.file if row.row is None else f"{row.file}, row {row.row:,}"
    values = "" if row.values is None else json.dumps(row.values, ensure_ascii=False)
    return {
        "place": shortened(place, characters=_CHARACTERS),
        "reason": shortened(row.reason, characters=_CHARACTERS),
        "row": shortened(values, characters=_ROW_CHARACTERS) if values else "",
    }


def _identities(plan: BatchPlan) -> dict[str, str]:
    options, size = plan.options, sum(each.size_bytes for each in plan.files)
    return {
        "job": plan.digest,
        "bundle": plan.bundle_digest,
        "input": f"{counted(len(plan.files), 'file')}, {size:,} bytes",
        "rows per call": f"up to {options.items_per_call:,}",
    }
