"""``modelship batch``: score files with a bundle, and the commands on what it wrote."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from modelship.cli.batch_output_commands import parity_of_output, report, status
from modelship.cli.config import Config
from modelship.cli.output import answer
from modelship.cli.parallel_run_option import parallel_run_option, under_parallel_run
from modelship.cli.serving import environment_options, environment_under
from modelship.cli.shared_options import (
    PATH,
    command,
    config_option,
    gathered,
    quiet_option,
    timeout_option,
    trust_option,
)
from modelship.errors import BatchInterruptedError, BatchStoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.batch.batch_plan import BatchOptions
    from modelship.batch.batch_summary import BatchSummary

__all__ = ["batch"]

_MIB: Final = 2**20
_TYPED: Final = "modelship.batch.typed"
_ON_OUTPUT: Final = {each.name: each for each in (status, report, parity_of_output)}


class _BatchCommand(click.Command):
    """Scores, unless the first word is one of the commands on an output."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        other = _ON_OUTPUT.get(args[0]) if args else None
        if other is not None:
            return other.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        typed = list(args)
        made = super().make_context(info_name, args, parent, **extra)
        made.meta[_TYPED] = shlex.join([*made.command_path.split(), *typed])
        return made

    def invoke(self, ctx: click.Context) -> Any:
        """Score; if it ends early, at whatever moment, show the command that resumes it."""
        resume = ctx.meta[_TYPED]
        try:
            return super().invoke(ctx)
        except BatchStoppedError as error:
            fixed = "" if isinstance(error, BatchInterruptedError) else "Fix the cause. "
            error.advice = error.advice or f"{fixed}This scores what is missing: {resume}"
            raise
        except (KeyboardInterrupt, SystemExit):  # before or after the pieces; of SIGTERM
            click.echo(f"ended; what is scored is kept. This scores the rest: {resume}", err=True)
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("On the output"):
            formatter.write_dl(
                [(f"batch {name} OUTPUT", each.get_short_help_str()) for name, each in _SORTED]
            )
        super().format_epilog(ctx, formatter)


_SORTED: Final = [(str(name), each) for name, each in _ON_OUTPUT.items()]

_what_is_written = gathered(
    (
        click.option(
            "--output-format", default="", metavar="FORMAT",
            help="csv, parquet or another format [default: that of each file].",
        ),
        click.option(
            "--input-format", default="", metavar="FORMAT",
            help="The format of all files of the input [default: by their names].",
        ),
        click.option(
            "--feature-column", "feature_columns", multiple=True, metavar="NAME",
            help="A column that run() takes; may be repeated [default: those of the schema].",
        ),
        click.option(
            "--column", "columns", multiple=True, metavar="NAME",
            help="A column of the input to keep; may be repeated [default: all].",
        ),
        click.option(
            "--call-rows", type=click.IntRange(min=1), metavar="N",
            help="Rows, or files, that run() gets at once [default: by its speed, or 10 files].",
        ),
        click.option(
            "--piece-mb", default=32.0, metavar="MB",
            type=click.FloatRange(min=0, min_open=True),
            help="MiB of input that are scored as a unit [default: up to 32, by the work].",
        ),
        click.option(
            "--items", type=click.Choice(["rows", "files"]), default="rows",
            help="Score the rows of the files, or the files themselves [default: rows].",
        ),
        click.option(
            "--argument", "arguments", multiple=True, metavar="TEXT",
            help="An argument of the script, for its sys.argv; may be repeated.",
        ),
        click.option(
            "--output-action", type=click.Choice(["append_row", "summary_only"]),
            help="Score mini-batches as ParallelRunStep does, and append what run() returns to one "
            "file, or only count it.",
        ),
        click.option(
            "--append-row-file-name", default="parallel_run_step.txt", metavar="NAME",
            help="The name of that file [default: parallel_run_step.txt].",
        ),
        click.option(
            "--mini-batch-size", default="", metavar="SIZE",
            help="Files in a mini-batch, or about how many bytes of a table [default: 10, or 1MB].",
        ),
        click.option(
            "--partition-key", "partition_keys", multiple=True, metavar="NAME",
            help="A key of the folders, as in region=EU: a mini-batch has all that has the same; "
            "may be repeated.",
        ),
    ),
    into="written",
)  # fmt: skip
_how_it_runs = gathered(
    (
        click.option(
            "--engine", default="local", metavar="NAME",
            help="What runs the pieces: local; or dask, ray or spark, on many machines [local].",
        ),
        click.option(
            "--scheduler", default="", metavar="ADDRESS",
            help="The engine's scheduler [default: a cluster on this machine].",
        ),
        click.option(
            "--workers", type=click.IntRange(min=1), metavar="N",
            help="Processes that score [default: one per core].",
        ),
        click.option(
            "--retries", default=1, type=click.IntRange(min=0), metavar="N",
            help="How often a row that fails alone is tried again [default: 1].",
        ),
        click.option(
            "--memory-gb", default=0.0, type=click.FloatRange(min=0), metavar="GB",
            help="Memory that a process may have of its own [default: any].",
        ),
        click.option(
            "--verify", is_flag=True,
            help="Before resuming, read what is written again and compare the digests.",
        ),
        click.option(
            "--mini-batch-error-threshold", type=click.IntRange(min=-1), default=-1, metavar="N",
            help="Mini-batches that may fail, with --output-action; -1: any number [default: -1].",
        ),
        click.option(
            "--allowed-failed-percent", type=click.FloatRange(0, 100), default=100.0,
            metavar="PERCENT",
            help="Percent of the mini-batches that may fail, likewise [default: 100].",
        ),
        click.option(
            "--error-threshold", type=click.IntRange(min=-1), metavar="N",
            help="Rows that may fail; -1: any number [default: any, unless the first all fail].",
        ),
    ),
    into="running",
)  # fmt: skip


@command(
    "Score files with a bundle.", example="batch bundle rows.parquet -o scored", cls=_BatchCommand
)
@click.argument("bundle_folder", metavar="BUNDLE", type=PATH)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FOLDER", required=True,
    help="Write the output here; or to an object store, such as s3://bucket/scored.",
)  # fmt: skip
@_what_is_written
@_how_it_runs
@click.option(
    "--call-timeout",
    "call_timeout_s",
    default=60.0,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds for one call of run() [default: 60].",
)
@parallel_run_option
@environment_options
@click.option(
    "--check",
    type=click.Choice(["static", "trial", "off"]),
    help="Read the bundle first, also try its script, or neither [default: static].",
)
@trust_option
@timeout_option("Seconds for the environment, and then for init() [default: 600].")
@quiet_option
@config_option
def batch(
    *,
    bundle_folder: Path,
    inputs: tuple[str, ...],
    output: str,
    written: Mapping[str, Any],
    running: Mapping[str, Any],
    call_timeout_s: float,
    parallel_run: Path | None,
    variables: tuple[tuple[str, str], ...],
    secrets: tuple[tuple[str, str], ...],
    check: str | None,
    trust_model: bool,
    timeout_s: float | None,
    quiet: bool,
    config_file: Path | None,
) -> None:
    """Score the rows of INPUT, files or folders, with the bundle in BUNDLE.

    The output has the rows with their predictions. Rows that fail are in its folder _failed, each
    with the reason; so every row is accounted for. After an interruption, the same command again
    scores what is missing. A bundle in a folder named status is typed as ./status; likewise report
    and parity.
    """
    from modelship.batch.batch_job import BatchJob

    config = Config.find(config_file).overridden_by(timeout_s=timeout_s)
    run = {**running, "timeout_s": call_timeout_s, **environment_under(config, variables, secrets)}
    if parallel_run is not None:
        written, run = under_parallel_run(parallel_run, written, run)
    job = BatchJob(
        bundle_folder,
        inputs,
        output,
        options=_options(**written),
        **run,
        check=check or "static",  # type: ignore[arg-type]  # click has checked it
        trust_model=trust_model,
        start_timeout_s=config.timeout_s,
    )
    summary = job.run(show_output=not quiet)
    answer(_document(summary), lambda: _say(summary))


def _options(*, piece_mb: float, **others: Any) -> BatchOptions:
    from modelship.batch.batch_plan import BatchOptions

    # An option that is not given is an empty tuple.
    given: dict[str, Any] = {name: None if value == () else value for name, value in others.items()}
    for name, unset in (("arguments", ()), ("partition_keys", ()), ("output_action", "")):
        given[name] = given[name] or unset
    return BatchOptions(piece_bytes=round(piece_mb * _MIB), **given)


def _document(summary: BatchSummary) -> dict[str, object]:
    failures = [{"reason": each.reason, "rows": each.rows} for each in summary.failures]
    return {**asdict(summary), "failures": failures}


def _say(summary: BatchSummary) -> None:
    click.echo(str(summary))
    for line in _told(summary):
        click.echo(line)


def _told(summary: BatchSummary) -> Iterator[str]:
    for each in summary.failures[:10]:
        yield f"  {each.rows:,} of them: {each.reason}"
    if summary.failed:
        yield f"The failed rows are in {summary.output}/_failed."
