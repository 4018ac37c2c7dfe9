"""Read the settings of a ``ParallelRunStep``, or of a parallel job of ``az ml``.

The keys are those of the file that ``ParallelRunConfig.save_to_yaml()`` writes, and those of a
``type: parallel`` job, with the defaults of both: 60 seconds, 3 tries in all, one process. The
former counts tries (``run_max_try``, from 1 on), the latter retries (``max_retries``, from 0 on):
https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.batch.mini_batch.mini_batch_settings import (
    BatchSettings,
    SettingError,
    require_whole,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["present_settings", "settings_of_parallel_run"]

_ACTIONS = {"append_row": True, "summary_only": False}
_USUAL_NAME = "parallel_run_step.txt"
_USUAL_RETRIES = 2
_USUAL_TIMEOUT_S = 60
_NAMES = {
    "error_threshold": "error_threshold",
    "allowed_failed_count": "allowed_failed_count",
    "mini_batch_error_threshold": "allowed_failed_count",
    "allowed_failed_percent": "allowed_failed_percent",
    "logging_level": "logging_level",
    "partition_keys": "partition_keys",
    "environment_variables": "variables",
    "append_row_file_name": "output_file_name",
    "output_file_name": "output_file_name",
}


def settings_of_parallel_run(
    config: Mapping[str, Any],
    *,
    input: str,  # noqa: A002 - as in BatchSettings
    output: str,
    kind: str = "files",
    arguments: Sequence[str] = (),
    folder: str = "",
) -> BatchSettings:
    """Return the settings that a configuration means.

    Parameters
    ----------
    config : Mapping[str, Any]
        The content of the file, with or without the key ``parallel_run_config``.
    input, output, kind, arguments
        As in :class:`BatchSettings`.
    folder : str
        The folder that ``source_directory`` is relative to.

    Raises
    ------
    ValueError
        If a setting is not valid.
    """
    given = present_settings(config.get("parallel_run_config", config), "parallel_run_config")
    script = given.get("entry_script")
    if not isinstance(script, str) or not script.strip():
        raise SettingError("entry_script", script, "the path of the script")
    present_settings(given.get("environment_variables", {}), "environment_variables")
    named: dict[str, Any] = {_NAMES[key]: each for key, each in given.items() if key in _NAMES}
    try:
        return BatchSettings(
            str(Path(folder, str(given.get("source_directory", "")).strip(), script.strip())),
            input,
            output,
            **{
                "kind": kind,
                "append_row": _action(given.get("output_action", "append_row")),
                "output_file_name": _USUAL_NAME,
                "mini_batch_size": _size(given.get("mini_batch_size")),
                "max_retries": _retries(given),
                "timeout_s": _timeout_s(given),
                "workers": _workers(given),
                "arguments": tuple(map(str, arguments)),
                **named,
            },
        )
    except SettingError as error:
        raise _as_written(error, given) from None


def present_settings(given: Any, name: str) -> dict[str, Any]:
    """Return the settings that a mapping has: a null is what was left out.

    Raises
    ------
    ValueError
        If it is no mapping. The message has no value: it may be a secret.
    """
    if not isinstance(given, dict):
        raise ValueError(f"{name} is a {type(given).__name__}; it must be a mapping.")  # noqa: TRY004 - of a file
    return {key: each for key, each in given.items() if each is not None}


def _as_written(error: SettingError, given: Mapping[str, Any]) -> SettingError:
    """Return an error of BatchSettings with the name that the setting has in the file."""
    keys = [key for key, name in _NAMES.items() if name == error.name and key in given]
    return SettingError(keys[-1], error.found, error.expected) if keys else error


def _action(found: Any) -> bool:
    action = str(found).lower()
    if action not in _ACTIONS:
        raise SettingError("output_action", found, "append_row or summary_only")
    return _ACTIONS[action]


def _size(found: Any) -> int | None:
    return None if found is None else size_of(found)


def _retries(given: Mapping[str, Any]) -> int:
    if "run_max_try" in given:
        return require_whole("run_max_try", given["run_max_try"], 1) - 1
    found = _of_retries(given, "max_retries", _USUAL_RETRIES)
    return require_whole("retry_settings.max_retries", found, 0)


def _timeout_s(given: Mapping[str, Any]) -> int:
    if "run_invocation_timeout" in given:
        return require_whole("run_invocation_timeout", given["run_invocation_timeout"], 1)
    found = _of_retries(given, "timeout", _USUAL_TIMEOUT_S)
    return require_whole("retry_settings.timeout", found, 1)


def _of_retries(given: Mapping[str, Any], name: str, otherwise: int) -> Any:
    retries = present_settings(given.get("retry_settings", {}), "retry_settings")
    return retries.get(name, otherwise)


def _workers(given: Mapping[str, Any]) -> int:
    """Return the number of processes on all nodes, which are this machine."""
    names = ("process_count_per_node", "max_concurrency_per_instance")
    name = next((each for each in names if each in given), names[0])
    each = require_whole(name, given.get(name, 1), 1)
    return each * require_whole("node_count", given.get("node_count", 1), 1)
