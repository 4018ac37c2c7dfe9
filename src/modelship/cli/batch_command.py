"""``modelship batch``: score files with a bundle."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from modelship.cli.output import as_json_is_asked, emit
from modelship.cli.shared_options import PATH, command

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["batch"]


@command("Score files with a bundle.", example="batch bundle rows.parquet -o scored")
@click.argument("bundle_folder", metavar="BUNDLE", type=PATH)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=PATH)
@click.option(
    "-o", "--output", metavar="FOLDER", type=PATH, required=True, help="Write the output here."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes [default: one per core].")
@click.option(
    "--error-threshold",
    type=click.IntRange(min=-1),
    default=-1,
    show_default=True,
    help="Rows that may fail in the whole job; -1 for any number.",
)
def batch(
    *,
    bundle_folder: Path,
    inputs: tuple[Path, ...],
    output: Path,
    workers: int | None,
    error_threshold: int,
) -> None:
    """Score the rows of INPUT, files or folders of CSV or Parquet, with the bundle in BUNDLE.

    The output has the rows with their predictions. The same command again scores what is missing.
    """
    from modelship.batch.batch_job import BatchJob

    job = BatchJob(bundle_folder, inputs, output, workers=workers, error_threshold=error_threshold)
    summary = job.run()
    if as_json_is_asked():
        emit(asdict(summary))
    else:
        click.echo(
            f"{summary.rows_in} rows: {summary.rows_out} scored, {summary.failed} failed, "
            f"in {summary.output}"
        )
