"""Read the options of ``modelship batch`` from the file of a ParallelRunStep or a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from modelship.cli.shared_options import PATH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["parallel_run_option", "under_parallel_run"]

_PARAMETERS: Final = {"timeout_s": "call_timeout_s"}

parallel_run_option: Final = click.option(
    "--parallel-run", type=PATH, metavar="FILE",
    help="Read options from the YAML of a ParallelRunConfig, a parallel job or a batch deployment; "
    "those that are typed override it.",
)  # fmt: skip


def under_parallel_run(
    path: Path, written: Mapping[str, Any], run: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a job: those of the file, overridden by those that were typed.

    Parameters
    ----------
    path : Path
        The file.
    written, run : Mapping[str, Any]
        Those of the command line, with defaults: of the output, and of the job.

    Raises
    ------
    InvalidOptionError
        If it is not YAML, or a setting is not valid.
    """
    from modelship.batch.parallel_run_files import read_parallel_run

    found = read_parallel_run(path, items=written["items"], arguments=written["arguments"])
    variables = {**found.variables, **run["variables"]}
    return (
        {**written, **_untyped(found.options)},
        {**run, **_untyped(found.job), "variables": variables},
    )


def _untyped(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values whose options were not typed."""
    source = click.get_current_context().get_parameter_source
    return {
        name: each
        for name, each in given.items()
        if source(_PARAMETERS.get(name, name)) is not ParameterSource.COMMANDLINE
    }
