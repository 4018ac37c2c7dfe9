"""Check that a generated script contains only the expected top-level statements."""

from __future__ import annotations

import ast
from typing import Final

__all__ = ["holds_no_more"]

_FUNCTIONS: Final = frozenset({"init", "run", "run_array", "run_table"})
_VALUES: Final = frozenset({"table", "run_array"})


def holds_no_more(text: str) -> bool:
    """Return whether a script contains only a docstring, imports, and a generated script's names.

    Parameters
    ----------
    text : str
        The script.
    """
    try:
        docstring, *rest = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    is_text = isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant)
    return is_text and all(map(_is_expected, rest))


def _is_expected(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return statement.name in _FUNCTIONS and not statement.decorator_list
    if isinstance(statement, ast.Assign):
        [target, *more] = statement.targets
        return isinstance(target, ast.Name) and target.id in _VALUES and not more
    return isinstance(statement, (ast.Import, ast.ImportFrom))
