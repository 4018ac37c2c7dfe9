"""Refuse options of a batch job whose values it cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.batch.batch_plan import FILES
from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.batch.batch_plan import BatchOptions

__all__ = ["require_limits"]

_LEAST: Final = {
    "workers": 1,
    "call_rows": 1,
    "piece_bytes": 1,
    "retries": 0,
    "memory_gb": 0,
    "error_threshold": -1,
    "mini_batch_error_threshold": -1,
}
_POSITIVE: Final = ("timeout_s", "start_timeout_s")


def require_limits(options: BatchOptions, **numbers: float | None) -> None:
    """Refuse numbers out of range, unknown items, and columns that are named twice.

    Raises
    ------
    InvalidOptionError
        If there is one; with what is expected.
    """
    if options.items not in ("rows", FILES):
        raise InvalidOptionError("items", options.items, f"'rows' or {FILES!r}")
    for name in ("columns", "feature_columns"):
        _require_once(name, getattr(options, name) or ())
    given = {"call_rows": options.call_rows, "piece_bytes": options.piece_bytes, **numbers}
    _require_numbers({name: each for name, each in given.items() if each is not None})


def _require_once(option: str, names: tuple[str, ...]) -> None:
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise InvalidOptionError(option, list(names), f"each column once, and {twice!r} is twice")


def _require_numbers(given: Mapping[str, float]) -> None:
    for name, each in given.items():
        if name in _POSITIVE and not each > 0:  # nor is NaN
            raise InvalidOptionError(name, each, "a number of seconds above 0")
        if name in _LEAST and not each >= _LEAST[name]:
            raise InvalidOptionError(name, each, f"a number from {_LEAST[name]} on")
