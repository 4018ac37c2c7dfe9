"""Read the settings of a job from the file of a ParallelRunStep or of a batch deployment.

These are the YAML file that ``ParallelRunConfig.save_to_yaml()`` writes, a ``type: parallel`` job
or component of ``az ml``, and a batch deployment, such as modelship exports one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.batch.mini_batch.azure_arguments import separated_arguments, split_arguments
from modelship.batch.mini_batch.parallel_run_configs import settings_of_parallel_run
from modelship.batch.yaml_documents import mapping_in
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.batch.mini_batch.mini_batch_settings import BatchSettings

__all__ = ["ParallelRun", "read_parallel_run"]

_OF_DEPLOYMENT: Final = {"output_file_name": "predictions.csv"}
_RETRIES: Final = {"max_retries": 3, "timeout": 30}


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
    try:
        document = mapping_in(path)
        if "code_configuration" in document or "endpoint_name" in document:
            items, found = "files", _of_deployment(document)
        else:
            kind = "files" if items == "files" else "tables"
            found = _of_run(_run_in(document), kind=kind, arguments=arguments)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidOptionError(
            "parallel_run", path, f"a file with valid settings: {error}"
        ) from error
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


def _of_run(document: Mapping[str, Any], *, kind: str, arguments: Sequence[str]) -> BatchSettings:
    """Return the settings of a ParallelRunStep, or of a parallel job."""
    given = dict(document.get("parallel_run_config", document))
    task = given.pop("task", None) or {}
    if "entry_script" in task:
        given["entry_script"] = task["entry_script"]
        given["output_action"] = "append_row" if task.get("append_row_to") else "summary_only"
    split = split_arguments(str(task.get("program_arguments") or ""))
    in_file, settings = separated_arguments(split)
    typed, overriding = separated_arguments(arguments)
    if not typed and any("${{" in each for each in in_file):
        raise ValueError(
            f"program_arguments is {shlex.join(in_file)!r}, whose values are not known here; give "
            "them with arguments (--argument)"
        )
    return settings_of_parallel_run(
        {**given, **settings, **overriding},
        input="", output="", kind=kind, arguments=typed or in_file,
    )  # fmt: skip


def _of_deployment(document: Mapping[str, Any]) -> BatchSettings:
    """Return the settings of a batch deployment; they may be below ``settings``."""
    given = {**_OF_DEPLOYMENT, **document, **(document.get("settings") or {})}
    retries = {**_RETRIES, **(given.pop("retry_settings", None) or {})}
    given["entry_script"] = (given.get("code_configuration") or {}).get("scoring_script", "-")
    given["append_row_file_name"] = given["output_file_name"]
    given["run_max_try"] = 1 + retries["max_retries"]
    given["run_invocation_timeout"] = retries["timeout"]
    return settings_of_parallel_run(given, input="", output="")
