"""Determine which modules the script reaches, and which imports and statements always run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelship.checks.expected_files import writes_files
from modelship.checks.parsing import caught_by, dotted, suppresses
from modelship.findings import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modelship.checks.parsing import Function, Script
    from modelship.checks.search_path import SearchPath
    from modelship.findings import Finding, Severity

__all__ = ["Import", "Reach", "imports_of"]

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
# Of these, only the test or the iterable is sure to be evaluated.
_BRANCHES: Final = (ast.If, ast.IfExp, ast.While)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ENDING: Final = (ast.Return, ast.Raise)
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


@dataclass(frozen=True)
class Reach:
    """The part of a source that runs in a service.

    Parameters
    ----------
    scripts : Sequence[Script]
        The Python files of the source.
    entry : Script
        The script whose init() and run() are called.
    search : SearchPath
        The paths on which imports are looked up.
    needed : Iterable[str]
        The modules that the models need.
    """

    scripts: Sequence[Script]
    entry: Script
    search: SearchPath
    needed: Iterable[str] = ()

    @cached_property
    def imports(self) -> Mapping[str, tuple[Import, ...]]:
        """The imports of each script, by its path."""
        return {script.path: tuple(imports_of(script)) for script in self.scripts}

    @cached_property
    def certain(self) -> Mapping[str, bool]:
        """Whether each reached module is certain to be imported, by its path."""
        found = {self.entry.path: True}
        waiting = [self.entry]
        for name in self.needed:
            waiting += self._enter(name, certain=True, found=found)
        for script in waiting:
            for each in self.imports[script.path]:
                certain = each.certain and found[script.path]
                for module in _absolute(each, script.path):
                    waiting += self._enter(module, certain=certain, found=found)
        return found

    def imports_surely(self, path: str) -> bool:
        """Return whether a file, not necessarily a script, is certain to be imported."""
        names = {_module(each) for each in self.search.paths_of(path)}
        surely = [
            module
            for script in self.scripts
            if self.certain.get(script.path)
            for each in self.imports[script.path]
            if each.certain
            for module in _absolute(each, script.path)
        ]
        every = [*surely, *self.needed]
        return any(name == each or each.startswith(f"{name}.") for name in names for each in every)

    def _enter(self, module: str, *, certain: bool, found: dict[str, bool]) -> list[Script]:
        """Record that a module is imported, and return what to visit because of it."""
        parts, new = module.split("."), []
        for size in range(1, len(parts) + 1):
            script = self._by_module.get(".".join(parts[:size]))
            if script is not None and (script.path not in found or (certain > found[script.path])):
                found[script.path] = certain
                new.append(script)
        return new

    @cached_property
    def _by_module(self) -> Mapping[str, Script]:
        every = {
            _module(path): script
            for script in self.scripts
            for path in reversed(self.search.paths_of(script.path))
        }
        return {**every, **{_module(script.path): script for script in self.scripts}}

    @cached_property
    def _sure(self) -> frozenset[int]:
        """The ids of the nodes that are sure to run."""
        bodies = [
            (script, script.tree.body) for script in self.scripts if self.certain.get(script.path)
        ]
        calls = [
            self.entry.functions[name] for name in ("init", "run") if name in self.entry.functions
        ]
        bodies += [(self.entry, each.body) for each in calls]
        seen, entered = set[int](), {id(each) for each in calls}
        for script, body in bodies:
            for node in _sure_of(body):
                seen.add(id(node))
                called = self._called(node, script)
                if called is not None and id(called[1]) not in entered:
                    entered.add(id(called[1]))
                    bodies.append((called[0], called[1].body))
        return frozenset(seen)

    def _called(self, node: ast.AST, script: Script) -> tuple[Script, Function] | None:
        """Return the function of the source that a call calls, if it can be determined."""
        if not isinstance(node, ast.Call):
            return None
        within, _, name = dotted(node.func).rpartition(".")
        if not within and name in script.functions:
            return script, script.functions[name]
        for each in self.imports[script.path]:
            if within == each.module or (not within and name in each.names):
                other = self._by_module.get(each.module)
                if other is not None and name in other.functions:
                    return other, other.functions[name]
        return None

    @cached_property
    def writes_files(self) -> bool:
        """Whether the reached code may write a file, or change what paths resolve to."""
        return any(writes_files(each) for each in self.scripts if each.path in self.certain)

    def is_sure(self, node: ast.AST) -> bool:
        """Return whether a node of one of the scripts is sure to run in a service."""
        return id(node) in self._sure

    def is_used(self, script: Script, name: str) -> bool:
        """Return whether code that is sure to run reads a name."""
        return any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
            for node in script.nodes
            if id(node) in self._sure
        )


def _absolute(each: Import, path: str) -> Iterator[str]:
    """Yield the absolute names, from the root, of the modules that an import names."""
    if not each.level:
        yield from each.modules
        return
    within = path.split("/")[: -each.level]
    for module in each.modules:
        yield ".".join([*within, *module.strip(".").split(".")]).strip(".")


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _sure_of(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that always run when a body runs."""
    for node in body:
        yield node
        yield from _sure_of(_parts(node))
        if isinstance(node, _ENDING):
            return


def _parts(node: ast.AST) -> Sequence[ast.AST]:  # noqa: PLR0911 - one for each kind of node
    """Return the parts that always run when a node runs."""
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        return getattr(node, "decorator_list", [])
    if isinstance(node, _BRANCHES):
        return [node.test]
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.iter]
    if isinstance(node, ast.Match):
        return [node.subject]
    if isinstance(node, ast.BoolOp):
        return node.values[:1]
    if isinstance(node, _COMPREHENSIONS):
        return [node.generators[0].iter]
    if isinstance(node, ast.Try):
        return [*([] if _goes_on(node) else node.body), *node.finalbody]
    return [*ast.iter_child_nodes(node)]


def _goes_on(node: ast.Try) -> bool:
    """Return whether a script continues after the body of a try statement fails."""
    raising = [any(isinstance(each, ast.Raise) for each in ast.walk(one)) for one in node.handlers]
    return bool(caught_by(node)) and not all(raising)
