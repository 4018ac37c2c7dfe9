"""Read the settings of a ``ParallelRunStep``, or of a parallel job of ``az ml``.

The keys are those of the file that ``ParallelRunConfig.save_to_yaml()`` writes, and those of a
``type: parallel`` job, with the defaults of both: 60 seconds, 3 tries in all, one process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.batch.mini_batch.mini_batch_settings import BatchSettings, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["settings_of_parallel_run"]

_ACTIONS = {"append_row": True, "summary_only": False}
_USUAL_NAME = "parallel_run_step.txt"
_NAMES = {
    "error_threshold": "error_threshold",
    "allowed_failed_count": "allowed_failed_count",
    "mini_batch_error_threshold": "allowed_failed_count",
    "allowed_failed_percent": "allowed_failed_percent",
    "logging_level": "logging_level",
    "partition_keys": "partition_keys",
    "environment_variables": "variables",
    "append_row_file_name": "output_file_name",
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
    given = config.get("parallel_run_config", config)
    given = {key: each for key, each in given.items() if each is not None}
    retries = given.get("retry_settings") or {}
    script = given.get("entry_script")
    if not isinstance(script, str) or not script.strip():
        raise ValueError(f"entry_script is {script!r}; it must be the path of the script.")
    named: dict[str, Any] = {_NAMES[key]: each for key, each in given.items() if key in _NAMES}
    return BatchSettings(
        str(Path(folder, str(given.get("source_directory", "")).strip(), script.strip())),
        input,
        output,
        **{
            "kind": kind,
            "append_row": _action(given.get("output_action", "append_row")),
            "output_file_name": _USUAL_NAME,
            "mini_batch_size": _size(given.get("mini_batch_size")),
            "max_retries": _whole(given, "run_max_try", retries.get("max_retries", 3)) - 1,
            "timeout_s": _whole(given, "run_invocation_timeout", retries.get("timeout", 60)),
            "workers": _workers(given),
            "arguments": tuple(map(str, arguments)),
            **named,
        },
    )


def _action(found: Any) -> bool:
    action = str(found).lower()
    if action not in _ACTIONS:
        raise ValueError(f"output_action is {found!r}; it must be append_row or summary_only.")
    return _ACTIONS[action]


def _size(found: Any) -> int | None:
    return None if found is None else size_of(found)


def _whole(given: Mapping[str, Any], name: str, otherwise: Any) -> int:
    found = given.get(name, otherwise)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ValueError(f"{name} is {found!r}; it must be a whole number from 1 on.")
    return found


def _workers(given: Mapping[str, Any]) -> int:
    """Return the number of processes on all nodes, which are this machine."""
    each = _whole(given, "process_count_per_node", given.get("max_concurrency_per_instance", 1))
    return each * _whole(given, "node_count", 1)
