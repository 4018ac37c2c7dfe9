"""Parse a Python file of the bundle, or return the finding that says why that fails."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelship.bundle.scoring_script import bound_names, parse_source, top_level
from modelship.findings import RULES, Severity
from modelship.texts import SAVE_AS_UTF8, python_problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.bundle.scoring_script import SourceFile
    from modelship.findings import Finding

__all__ = [
    "Function",
    "Script",
    "argument",
    "assigned_once",
    "called",
    "caught_by",
    "dotted",
    "last_name",
    "parse",
    "suppresses",
    "targets_of",
    "text_of",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef

LARGEST_BYTES: Final = 2_000_000
"""A larger script contains data; parsing it would take much time and memory."""


_NEWER: Final = "Require a newer Python in the environment, or use the syntax of this version."


@dataclass(frozen=True)
class Script:
    """One parsed file.

    Parameters
    ----------
    path : str
        Its path below the root of the source.
    tree : ast.Module
        Its text.
    """

    path: str
    tree: ast.Module

    def finding(
        self,
        code: str,
        problem: str,
        at: ast.expr | ast.stmt | None = None,
        *,
        advice: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """Return a finding of the rule `code` in this file, at the line of a node if given."""
        line = None if at is None else at.lineno
        return RULES[code].finding(
            problem, path=self.path, line=line, advice=advice, severity=severity
        )

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """The statements that run when the module is imported, including those in branches."""
        return tuple(top_level(self.tree.body))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The module's top-level functions by name; for a repeated name, the last one."""
        return {each.name: each for each in self.statements if isinstance(each, Function)}

    @cached_property
    def definitions(self) -> frozenset[str]:
        """The names of the top-level classes and functions."""
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        return frozenset(each.name for each in self.statements if isinstance(each, kinds))

    @cached_property
    def names(self) -> frozenset[str]:
        """All names bound at the top level; ``"*"`` stands for those of a star import."""
        return bound_names(self.statements)


def parse(file: SourceFile, *, python: tuple[int, int]) -> Script | Finding:
    """Parse `file` as the minor version `python` would, as far as this process can."""
    if len(file.content) > LARGEST_BYTES:
        size = f"{len(file.content) / 1e6:.0f} MB"
        return RULES["MS112"].finding(
            f"It has {size}, far more than a script, and is not parsed.",
            path=file.path,
            advice="Put the data into a separate file, such as .json, next to the script.",
            severity=Severity.WARNING,
        )
    if problem := python_problem(file.content):
        problem = problem[:1].upper() + problem[1:]
        return RULES["MS112"].finding(f"{problem}.", path=file.path, advice=SAVE_AS_UTF8)
    running = (sys.version_info[0], sys.version_info[1])
    try:
        tree = parse_source(file.content, shown=file.path, python=min(running, python))
    except SyntaxError as error:
        found = _unreadable(error, path=file.path, python=python, running=running)
        return replace(found, advice=_NEWER) if _is_of_newer(file, python) else found
    except (RecursionError, MemoryError, ValueError):
        return RULES["MS112"].finding("It is nested too deeply to parse.", path=file.path)
    tree.body = [each for each in tree.body if not _is_for_main(each)]
    return Script(file.path, tree)


def _is_of_newer(file: SourceFile, python: tuple[int, int]) -> bool:
    """Return whether this process's Python accepts syntax that an older one does not."""
    if python >= (sys.version_info[0], sys.version_info[1]):
        return False
    try:
        parse_source(file.content, shown=file.path)
    except SyntaxError:
        return False
    return True


def _unreadable(
    error: SyntaxError, *, path: str, python: tuple[int, int], running: tuple[int, int]
) -> Finding:
    # A newer Python may accept what this one does not.
    severity = Severity.ERROR if python <= running else Severity.WARNING
    end = "" if error.msg.endswith("?") else "."
    return RULES["MS101"].finding(
        f"Python {python[0]}.{python[1]} cannot read it: {error.msg}{end}",
        path=path,
        line=error.lineno,
        evidence=(error.text or "").strip(),
        severity=severity,
    )


def _is_for_main(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if __name__ == "__main__":``, false in every service."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    test = statement.test
    return isinstance(test, ast.Compare) and dotted(test.left) == "__name__"


def dotted(node: ast.AST) -> str:
    """Return ``"os.path.join"`` for such an expression, and ``""`` for any other."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def called(node: ast.AST) -> str:
    """Return the dotted name of what `node` calls, or ``""``."""
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def last_name(node: ast.AST) -> str:
    """Return ``"join"`` for ``os.path.join``, and for any other expression that ends in it."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def text_of(node: ast.AST | None) -> str:
    """Return a literal text; ``""`` for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def argument(node: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return the argument of a call at a position, or with a name."""
    named = [each.value for each in node.keywords if each.arg == name]
    return next(iter([*node.args[position : position + 1], *named]), None)


def targets_of(node: ast.AST) -> list[ast.expr]:
    """Return what a statement assigns to; empty if it is no assignment."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []


def suppresses(node: ast.With) -> bool:
    """Return whether a with statement suppresses exceptions."""
    return any(called(each.context_expr).rpartition(".")[2] == "suppress" for each in node.items)


def caught_by(node: ast.Try) -> set[str]:
    """Return the names of the exceptions that a try statement catches."""
    return {
        each.id
        for handler in node.handlers
        for each in (ast.walk(handler.type) if handler.type else [ast.Name("Exception")])
        if isinstance(each, ast.Name)
    }


def assigned_once(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """Return the value of each name that exactly one assignment among `nodes` binds."""
    values: dict[str, ast.expr] = {}
    bindings: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bindings.append(node.id)
        elif isinstance(node, ast.arg):
            bindings.append(node.arg)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            if isinstance(node.targets[0], ast.Name):
                values[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            values[node.target.id] = node.value
    once = Counter(bindings)
    return {name: value for name, value in values.items() if once[name] == 1}
