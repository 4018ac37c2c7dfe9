"""Separate the arguments of a script from those of Azure's own program for parallel jobs.

Azure merges both, and documents these as predefined arguments of a parallel job:
https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel
"""

from __future__ import annotations

import argparse
import re
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["separated_arguments", "split_arguments"]

_ALL_PERCENT = 100
# Of Azure's machines, its logs and its metrics.
_WITHOUT_EFFECT = (
    *("task_overhead_timeout", "progress_update_timeout", "first_task_creation_timeout"),
    *("copy_logs_to_parent", "metrics_name_prefix", "push_metrics_to_parent"),
    "resource_monitor_interval",
)
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _percent(text: str) -> float:
    found = float(text)
    if not 0 <= found <= _ALL_PERCENT:  # nor is NaN
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {_ALL_PERCENT}")
    return found


_SETTINGS: dict[str, Callable[[str], float]] = {
    "error_threshold": int,
    "allowed_failed_count": int,
    "allowed_failed_percent": _percent,
}


def split_arguments(text: str) -> list[str]:
    """Return the arguments in ``program_arguments``; an expression stays one argument."""
    return shlex.split(_EXPRESSION.sub(lambda found: "".join(found[0].split()), text))


def separated_arguments(arguments: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the arguments of the script, and the settings that Azure's own program would read.

    Arguments of Azure's that have no effect elsewhere are in neither.

    Raises
    ------
    ValueError
        If a setting has no value, or one that it cannot have; the message has its name.
    """
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for name, kind in _SETTINGS.items():
        parser.add_argument(f"--{name}", type=kind)
    for name in _WITHOUT_EFFECT:
        parser.add_argument(f"--{name}")
    found, others = parser.parse_known_args(list(arguments))
    return tuple(others), {key: each for key, each in vars(found).items() if key in _SETTINGS}
