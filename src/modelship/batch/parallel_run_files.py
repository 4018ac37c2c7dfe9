"""Read the settings of a job from the file of a ParallelRunStep or of a batch deployment.

These are the YAML file that ``ParallelRunConfig.save_to_yaml()`` writes, a ``type: parallel`` job
or component of ``az ml``, and a batch deployment, such as modelship exports one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.batch.mini_batch.azure_arguments import separated_arguments, split_arguments
from modelship.batch.mini_batch.parallel_run_configs import (
    present_settings,
    settings_of_parallel_run,
)
from modelship.batch.yaml_documents import mapping_in
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.batch.mini_batch.mini_batch_settings import BatchSettings

__all__ = ["ParallelRun", "read_parallel_run"]

_OF_DEPLOYMENT: Final = {"output_file_name": "predictions.csv"}
_RETRIES_OF_DEPLOYMENT: Final = {"max_retries": 3, "timeout": 30}


@dataclass(frozen=True)
class ParallelRun:
    """The settings of a job, by the names of modelship's options.

    Parameters
    ----------
    options : Mapping[str, Any]
        Those of :class:`BatchOptions`.
    job : Mapping[str, Any]
        Those of :class:`BatchJob`.
    variables : Mapping[str, str]
        The environment variables of the script.
    """

    options: Mapping[str, Any]
    job: Mapping[str, Any]
    variables: Mapping[str, str] = field(repr=False)


def read_parallel_run(
    path: Path, *, items: str = "rows", arguments: Sequence[str] = ()
) -> ParallelRun:
    """Read a file.

    Parameters
    ----------
    path : Path
        The file.
    items : {"rows", "files"}
        What is scored; a batch deployment scores files in any case.
    arguments : Sequence[str]
        The arguments of the script, in place of those in the file.

    Raises
    ------
    InvalidOptionError
        If it is not YAML, or Azure would refuse a setting.
    """
    typed = _typed(arguments)
    try:
        document = mapping_in(path)
        if "code_configuration" in document or "endpoint_name" in document:
            items, found = "files", _of_deployment(document)
        else:
            kind = "files" if items == "files" else "tables"
            found = _of_run(_run_in(document), kind=kind, typed=typed)
    except (ValueError, TypeError, AttributeError) as error:
        expected = f"a file with valid settings: {str(error).rstrip('.')}"
        raise InvalidOptionError("parallel_run", path, expected) from error
    return ParallelRun(
        options={
            "items": items,
            "output_action": "append_row" if found.append_row else "summary_only",
            "append_row_file_name": found.output_file_name,
            "mini_batch_size": found.mini_batch_size or "",
            "partition_keys": found.partition_keys,
            "arguments": found.arguments or tuple(arguments),
        },
        job={
            "error_threshold": found.error_threshold,
            "mini_batch_error_threshold": found.allowed_failed_count,
            "allowed_failed_percent": float(found.allowed_failed_percent),
            "retries": found.max_retries,
            "timeout_s": float(found.timeout_s),
        },
        variables={str(name): str(value) for name, value in found.variables.items()},
    )


def _run_in(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parallel job of a pipeline, if it is one."""
    if not isinstance(document.get("jobs"), dict):
        return document
    found = [each for each in document["jobs"].values() if each.get("type") == "parallel"]
    if len(found) != 1:
        raise ValueError(f"the pipeline has {len(found)} jobs with type: parallel, not one")
    job: Mapping[str, Any] = found[0]
    return job


def _typed(arguments: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the arguments of the script that the user gave, and the settings among them."""
    try:
        return separated_arguments(arguments)
    except ValueError as error:
        expected = f"valid settings: {error}"
        raise InvalidOptionError("arguments", shlex.join(arguments), expected) from error


def _in_file(text: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the same of ``program_arguments``."""
    try:
        return separated_arguments(split_arguments(text))
    except ValueError as error:
        raise ValueError(f"its program_arguments are not valid: {error}") from error


def _of_run(
    document: Mapping[str, Any],
    *,
    kind: str,
    typed: tuple[tuple[str, ...], Mapping[str, Any]],
) -> BatchSettings:
    """Return the settings of a ParallelRunStep, or of a parallel job."""
    given = dict(document.get("parallel_run_config", document))
    task = _below(given, "task")
    if "entry_script" in task:
        given["entry_script"] = task["entry_script"]
        given["output_action"] = "append_row" if task.get("append_row_to") else "summary_only"
    in_file, settings = _in_file(str(task.get("program_arguments") or ""))
    arguments, overriding = typed
    if not arguments and any("${{" in each for each in in_file):
        raise ValueError(
            f"program_arguments is {shlex.join(in_file)!r}, whose values are not known here; give "
            "them with arguments (--argument)"
        )
    return settings_of_parallel_run(
        {**given, **settings, **overriding},
        input="", output="", kind=kind, arguments=arguments or in_file,
    )  # fmt: skip


def _of_deployment(document: Mapping[str, Any]) -> BatchSettings:
    """Return the settings of a batch deployment; they may be below ``settings``."""
    below = _below(document, "settings")
    given = {**_OF_DEPLOYMENT, **present_settings(document, "the file"), **below}
    given["retry_settings"] = {**_RETRIES_OF_DEPLOYMENT, **_below(given, "retry_settings")}
    given["entry_script"] = _below(given, "code_configuration").get("scoring_script", "-")
    return settings_of_parallel_run(given, input="", output="")


def _below(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the settings below a key, if it is there."""
    return present_settings(document.get(name) or {}, name)
