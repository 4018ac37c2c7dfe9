"""Recognize scripts with ``run_batch(mini_batch)``, and those of Azure's ParallelRunStep."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from modelship.bundle.scoring_script import bound_names, parse_source, top_level

if TYPE_CHECKING:
    from modelship.bundle.bundle_value import BundleValue

__all__ = [
    "MINI_BATCH_NAMES",
    "RUN_BATCH",
    "mini_batch_function",
    "mini_batch_function_of",
    "takes_mini_batch",
]

RUN_BATCH: Final = "run_batch"
"""The function that a script may have beside ``run()``, for mini-batches."""

MINI_BATCH_NAMES: Final = ("mini_batch", "minibatch")
"""The names of a parameter of ``run()`` that tell a mini-batch from a request."""


def mini_batch_function(bundle: BundleValue) -> str:
    """Return what a bundle's script calls with mini-batches: ``run_batch``, ``run`` or ``""``."""
    source = next(each for each in bundle.source if each.path == bundle.entry_script)
    return mini_batch_function_of(parse_source(source.content, shown=source.path))


def mini_batch_function_of(tree: ast.Module) -> str:
    """Return the same for a script that was parsed."""
    if RUN_BATCH in bound_names(tree.body):
        return RUN_BATCH
    runs = [
        node
        for node in top_level(tree.body)
        if isinstance(node, ast.FunctionDef) and node.name == "run"
    ]
    return "run" if any(map(takes_mini_batch, runs)) else ""


def takes_mini_batch(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the only parameter of a function has the name of a mini-batch."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) == 1 and names[0].lower() in MINI_BATCH_NAMES
