"""Call ``run_batch(mini_batch)``, or the ``run(mini_batch)`` of scripts of ParallelRunStep."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .block_rows import BlockRows

__all__ = [
    "MINI_BATCH_NAMES",
    "answer_of_mini_batch",
    "mini_batch_call",
    "mini_batch_function",
    "rows_call",
]

MINI_BATCH_NAMES = ("mini_batch", "minibatch")
"""The names of a parameter of ``run()`` that tell a mini-batch from a request."""


def mini_batch_function(module: ModuleType) -> Callable[[Any], Any] | None:
    """Return what a script calls with mini-batches; None if it has no such function."""
    own = getattr(module, "run_batch", None)
    if callable(own):
        return own  # type: ignore[no-any-return]  # it is callable
    run = getattr(module, "run", None)
    if not callable(run):
        return None
    names = list(inspect.signature(run).parameters)
    return run if len(names) == 1 and names[0].lower() in MINI_BATCH_NAMES else None


def mini_batch_call(function: Callable[[Any], Any], *, files: bool) -> Callable[[BlockRows], Any]:
    """Return what calls a function with rows, and returns the elements of its answer."""
    called = rows_call(function, files=files)
    return lambda rows: answer_of_mini_batch(called(rows))


def rows_call(function: Callable[[Any], Any], *, files: bool) -> Callable[[BlockRows], Any]:
    """Return what calls a function with rows: a list of paths, or a DataFrame."""
    if files:
        return lambda rows: function(rows.json_columns()["path"])
    return lambda rows: function(rows.frame())


def answer_of_mini_batch(returned: Any) -> Any:
    """Return the elements that were returned: a list, an array, or the columns of a DataFrame.

    Raises
    ------
    TypeError
        If it is of another type.
    """
    if hasattr(returned, "to_csv") and hasattr(returned, "columns"):
        return {str(name): returned[name].tolist() for name in returned.columns}
    if isinstance(returned, (str, bytes, dict)) or not hasattr(returned, "__len__"):
        raise TypeError(
            f"run() returned {type(returned).__name__}, not a list, an array or a DataFrame: "
            "return one element for each item of the mini-batch"
        )
    if hasattr(returned, "tolist"):
        return returned
    return [each.tolist() if hasattr(each, "tolist") else each for each in returned]
