"""``modelship batch status`` and ``report``: what a batch job has written so far."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from modelship.cli.opening import Place, place_options
from modelship.cli.output import answer, say_facts
from modelship.cli.shared_options import PATH, command, name_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelship.batch.batch_status import BatchStatus
    from modelship.batch.failed_mini_batches import FailedMiniBatch

__all__ = ["parity_of_output", "report", "status"]

_MOST_SHOWN: Final = 10


@command("Show how far a batch job is.", example="batch status scored")
@click.argument("output", metavar="OUTPUT")
def status(*, output: str) -> None:
    """Show how far the job that writes to the folder OUTPUT is, while it runs or later."""
    from modelship.batch.batch_extra import require_batch_extra

    require_batch_extra()
    from modelship.batch.batch_status import BatchStatus
    from modelship.batch.failed_mini_batches import failed_mini_batches
    from modelship.batch.store_waits import showing_waits

    with showing_waits():
        found, plan, entries = BatchStatus.with_job(output)
    bad = failed_mini_batches(plan, entries)
    document = {**_document(found), "failed_mini_batches": [asdict(each) for each in bad]}
    answer(document, lambda: _say_status(found, bad))


@command("Write a report of a batch job.", example="batch report scored -o report.html")
@click.argument("output", metavar="OUTPUT")
@click.option(
    "-o", "--html", "page", type=PATH, required=True, metavar="FILE", help="The HTML file to write."
)
def report(*, output: str, page: Path) -> None:
    """Write one HTML page about the job that wrote to the folder OUTPUT.

    It shows the counts of rows, failures by reason, histograms of the predictions, the rows per
    second over time, and what scored them.
    """
    from modelship.batch.batch_extra import require_batch_extra

    require_batch_extra()
    from modelship.batch.batch_page import write_page
    from modelship.batch.store_waits import showing_waits

    with showing_waits():
        found = write_page(output, page)
    answer({**_document(found), "html": str(page)}, lambda: click.echo(f"Written: {page}"))


@command(
    "Compare the output with the answers of a service.",
    example="batch parity scored -n my-svc",
    name="parity",
)
@click.argument("output", metavar="OUTPUT")
@name_option
@place_options
@click.option(
    "--rows",
    default=1000,
    type=click.IntRange(min=1),
    metavar="N",
    help="How many rows to send, spread over the job [default: 1000].",
)
@click.option(
    "--tolerance",
    default=0.0,
    type=click.FloatRange(min=0),
    help="By how much two floats may differ [default: 0, not at all].",
)
def parity_of_output(
    *,
    output: str,
    name: str | None,
    at: Place,
    rows: int,
    tolerance: float,
) -> None:
    """Send rows of the job in the folder OUTPUT to the service NAME, and compare the answers.

    If they differ, the exit code is 8.
    """
    from modelship.batch.batch_extra import require_batch_extra

    require_batch_extra()
    from modelship.cli.parity_command import say_report
    from modelship.parity.batch_parity import compare_batch

    if name is None:
        raise click.UsageError("Name the service with -n NAME.")
    target, name = at.of_service(name)
    say_report(compare_batch(output, target.get(name), rows=rows, tolerance=tolerance))


def _say_status(found: BatchStatus, bad: Sequence[FailedMiniBatch]) -> None:
    say_facts(_facts(found))
    for each in bad[:_MOST_SHOWN]:
        click.echo(f"  {each}")
    if len(bad) > _MOST_SHOWN:
        click.echo(f"  and {len(bad) - _MOST_SHOWN:,} more, which --json shows")


def _document(status: BatchStatus) -> dict[str, object]:
    return {**asdict(status), "rows_per_s": status.rows_per_s, "remaining_s": status.remaining_s}


def _facts(status: BatchStatus) -> dict[str, str]:
    from modelship.batch.batch_status import duration_text

    found = {
        "state": status.state,
        "rows": f"{status.rows_in:,} of {status.rows:,}",
        "scored": f"{status.rows_out:,}",
        "failed": f"{status.failed:,}",
        "pieces": f"{status.done:,} of {status.pieces:,}",
    }
    if status.failed_batches:
        found["failed mini-batches"] = f"{status.failed_batches:,}"
    if status.rows_per_s:
        found["rate"] = f"{status.rows_per_s:,.0f} rows/s"
    if status.state != "complete" and status.remaining_s is not None:
        found["left"] = f"about {duration_text(status.remaining_s)}"
    return found
