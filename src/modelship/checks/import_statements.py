"""Find the imports of a script, and which of them always run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.checks.parsing import caught_by, suppresses
from modelship.findings import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.checks.parsing import Script
    from modelship.findings import Finding, Severity

__all__ = ["Import", "imports_of"]

_FAILED_IMPORT: Final = frozenset(
    {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
)
_MAY_BE_LEFT_OUT: Final = (ast.If, ast.Match, ast.For, ast.AsyncFor, ast.While)
_CALLED: Final = frozenset({"init", "run"})


@dataclass(frozen=True)
class Import:
    """One module that a statement imports, its file and line, and the names imported from it."""

    path: str
    module: str
    line: int
    level: int = 0
    certain: bool = True
    names: tuple[str, ...] = ()

    def finding(
        self, code: str, problem: str, *, advice: str, severity: Severity | None = None
    ) -> Finding:
        """Return a finding of a rule at this import."""
        return RULES[code].finding(
            problem, path=self.path, line=self.line, advice=advice, severity=severity
        )

    @property
    def modules(self) -> tuple[str, ...]:
        """The module, and each name imported from it, which may be a module too."""
        return (self.module, *(f"{self.module}.{name}" for name in self.names))


def imports_of(script: Script) -> Iterator[Import]:
    """Yield the imports of a script, except those that it expects to fail."""
    yield from _in_body(script.tree.body, script.path, certain=True)


def _in_body(body: Sequence[ast.AST], path: str, *, certain: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, alias.name, node.lineno, certain=certain)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(path, node.module or "", node.lineno, node.level, certain, names)
        elif isinstance(node, ast.Try) and caught_by(node) & _FAILED_IMPORT:
            yield from _in_body([*node.finalbody], path, certain=certain)
        elif isinstance(node, ast.With) and suppresses(node):
            continue
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _in_body(node.orelse, path, certain=certain)
        else:
            children = [
                each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr)
            ]
            yield from _in_body(children, path, certain=certain and not _may_be_left_out(node))


def _may_be_left_out(node: ast.AST) -> bool:
    """Return whether the body of a statement may never run."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name not in _CALLED
    return isinstance(node, _MAY_BE_LEFT_OUT)
