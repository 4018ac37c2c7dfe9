"""A Python file of the bundle as a tree, or the finding that says why it is none."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelship.bundle.script import parse_source
from modelship.findings import RULES, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelship.bundle.script import SourceFile
    from modelship.findings import Finding

__all__ = ["Function", "Script", "called", "dotted", "parse"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

LARGEST_BYTES: Final = 2_000_000
"""A script that is larger holds data; parsing it would take long and much memory."""


@dataclass(frozen=True)
class Script:
    """One parsed file.

    Parameters
    ----------
    path : str
        Where it lies below the root of the source.
    tree : ast.Module
        What it says.
    """

    path: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """The statements that run when the module is imported, those in branches too."""
        return tuple(_top_level(self.tree.body))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions of the module's top level by name; the last of a name."""
        return {each.name: each for each in self.statements if isinstance(each, Function)}

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that the top level binds; ``"*"`` stands for those of a star import."""
        return frozenset(name for each in self.statements for name in _bound(each))


def parse(file: SourceFile, *, python: tuple[int, int]) -> Script | Finding:
    """Parse `file` as the minor version `python` would, as far as this process can tell."""
    if len(file.content) > LARGEST_BYTES:
        size = f"{len(file.content) / 1e6:.0f} MB"
        return RULES["MS112"].finding(f"It has {size}, far more than a script.", path=file.path)
    if b"\0" in file.content:
        return RULES["MS112"].finding("It holds null bytes.", path=file.path)
    running = (sys.version_info[0], sys.version_info[1])
    try:
        tree = parse_source(file.content, shown=file.path, python=min(running, python))
    except SyntaxError as error:
        return _unreadable(error, path=file.path, python=python, running=running)
    except (RecursionError, MemoryError, ValueError):
        return RULES["MS112"].finding("It is nested too deeply to be read.", path=file.path)
    tree.body = [each for each in tree.body if not _is_for_main(each)]
    return Script(file.path, tree)


def _unreadable(
    error: SyntaxError, *, path: str, python: tuple[int, int], running: tuple[int, int]
) -> Finding:
    if "codec can't decode" in error.msg or "encoding" in error.msg:
        return RULES["MS112"].finding(f"It is not Python source: {error.msg}.", path=path)
    # A newer Python may take what this one does not.
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
    """Tell whether a statement is ``if __name__ == "__main__":``, which holds in no service."""
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


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, _SCOPES):
            continue
        for branch in ("body", "orelse", "finalbody"):
            yield from _top_level(getattr(statement, branch, []))
        for part in ("handlers", "cases"):
            for each in getattr(statement, part, []):
                yield from _top_level(each.body)


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _SCOPES):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield (alias.asname or alias.name).partition(".")[0]
    else:
        yield from (
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
