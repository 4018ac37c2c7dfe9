"""Rules about what the script imports: whether it will be there in the service."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from modelship.checks.parsing import caught_by
from modelship.checks.provided import Provided
from modelship.diagnosis.remedies import remedy_for_missing
from modelship.findings import RULES, Severity
from modelship.known_modules import standard_library

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelship.bundle.lock import Lock
    from modelship.bundle.script import SourceFile
    from modelship.checks.parsing import Script
    from modelship.diagnosis import Surroundings
    from modelship.findings import Finding

__all__ = ["import_findings"]

# "Release history" of scikit-learn: deprecated in 0.21, removed in 0.23.
_EXTERNALS: Final = {
    "sklearn.externals.joblib": "Write import joblib, and list joblib in the environment.",
    "sklearn.externals.six": "Write import six, and list six in the environment.",
}
_EXTERNALS_REMOVED: Final = Version("0.23")
# What inference-schema imports only where these are used.
_SCHEMA_NEEDS: Final = {
    "inference_schema.parameter_types.numpy_parameter_type": "numpy",
    "inference_schema.parameter_types.pandas_parameter_type": "pandas",
    "inference_schema.parameter_types.spark_parameter_type": "pyspark",
}
_FAILED_IMPORT: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


@dataclass(frozen=True)
class _Import:
    """One module that a statement imports, the line, and what it takes from it."""

    module: str
    line: int
    level: int = 0
    certain: bool = True
    names: tuple[str, ...] = ()


def import_findings(
    scripts: Sequence[Script],
    *,
    entry: Script,
    source: Sequence[SourceFile],
    lock: Lock,
    around: Surroundings,
) -> Iterator[Finding]:
    """Find imports that will fail, in the entry script and in the modules that it reaches."""
    python = around.python or (3, 11)
    own = {file.path.partition("/")[0].removesuffix(".py") for file in source}
    provided = Provided(lock)
    known = standard_library(python)
    imports = {script.path: tuple(_imports(script)) for script in scripts}
    for script in _reached(scripts, imports, entry=entry):
        for each in imports[script.path]:
            top = each.module.partition(".")[0]
            if each.level:
                if script is entry:
                    yield _relative(each, path=script.path, around=around)
            elif each.module in _EXTERNALS and _has_no_externals(lock):
                yield _removed(each, path=script.path)
            elif top not in own and top not in known:
                yield from _missing(each, provided, around=around, path=script.path)
    imported = {each.module.partition(".")[0] for found in imports.values() for each in found}
    others = [script for script in scripts if script is not entry]
    yield from _hidden(others, own=own, known=known, provided=provided, imported=imported)


def _missing(
    each: _Import, provided: Provided, *, around: Surroundings, path: str
) -> Iterator[Finding]:
    there = provided.provides(each.module)
    needed = _SCHEMA_NEEDS.get(each.module)
    if there and needed and needed not in provided.lock.versions:
        yield RULES["MS104"].finding(
            f"{each.module} needs {needed}, which the environment does not provide.",
            path=path,
            line=each.line,
            advice=f"List {needed} in the environment.",
        )
    if there:
        return
    if not provided.knows(each.module) and (beside := _beneath(each, around)):
        yield _of_a_folder_above(each, beside, path=path, around=around)
        return
    top = each.module.partition(".")[0]
    # Not in doubt: it lies somewhere else than the script looks for it.
    elsewhere = bool(around.folder_of(top)) or top in around.beside
    doubt = there is None or not each.certain
    yield RULES["MS104"].finding(
        f"It imports {top}, which the environment does not provide."
        if there is False
        else f"It imports {top}, and no package of the environment is known to provide it.",
        path=path,
        line=each.line,
        advice=remedy_for_missing(
            each.module, around=around, package=provided.package_of(each.module)
        ),
        severity=Severity.WARNING if doubt and not elsewhere else Severity.ERROR,
    )


def _beneath(each: _Import, around: Surroundings) -> str:
    """Return the file of the source's root that an import looks for in a folder above, or ``""``.

    It is so where the folder that was given as the source directory is a package of a project.
    """
    _, _, rest = each.module.partition(".")
    wanted = [rest.partition(".")[0]] if rest else [*each.names]
    return next((file for name in wanted if (file := around.in_root(name))), "")


def _of_a_folder_above(each: _Import, beside: str, *, path: str, around: Surroundings) -> Finding:
    top, _, rest = each.module.partition(".")
    name = beside.partition("/")[0].removesuffix(".py")
    write = (
        f"from {rest} import {', '.join(each.names)}" if rest and each.names else f"import {name}"
    )
    above = f"pass the folder above, which holds {top}, as source_directory."
    # Python's own module of that name would be found in its place.
    advice = f"{_capital(above)}" if around.is_of_python(name) else f"Write {write}, or {above}"
    return RULES["MS104"].finding(
        f"It imports {each.module}, and {beside} lies in the root of the source directory, with no "
        f"folder {top} above it.",
        path=path,
        line=each.line,
        advice=advice,
        severity=Severity.ERROR if each.certain else Severity.WARNING,
    )


def _relative(each: _Import, *, path: str, around: Surroundings) -> Finding:
    return RULES["MS104"].finding(
        "It imports relative to its package, and the server loads it as a module of its own.",
        path=path,
        line=each.line,
        advice=_without_dot(each, path=path, around=around),
    )


def _without_dot(each: _Import, *, path: str, around: Surroundings) -> str:
    """Return how an import finds what lies at the same place, from the root of the source."""
    folder = PurePosixPath(path).parents[min(each.level, path.count("/") + 1) - 1].as_posix()
    parts = [*([] if folder == "." else folder.split("/")), *filter(None, each.module.split("."))]
    names = ", ".join(each.names)
    first = parts[0] if parts else each.names[0] if each.names else ""
    write = f"from {'.'.join(parts)} import {names}" if parts else f"import {names}"
    if first not in around.roots:
        return (
            f"Write the import without the dot ({write}), and pass the folder of both as "
            "source_directory."
        )
    if around.is_of_python(first):
        # Python's own module of that name would be found in its place.
        rest = ".".join(parts[1:])
        inner = f"from {rest} import {names}" if rest else f"import {names}"
        return f"Write {inner}, and pass the folder {folder} itself as source_directory."
    return f"Write the import without the dot: {write}."


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _removed(each: _Import, *, path: str) -> Finding:
    return RULES["MS105"].finding(
        f"{each.module} was removed in scikit-learn 0.23.",
        path=path,
        line=each.line,
        advice=_EXTERNALS[each.module],
    )


def _has_no_externals(lock: Lock) -> bool:
    try:
        return Version(lock.versions.get("scikit-learn", "99")) >= _EXTERNALS_REMOVED
    except InvalidVersion:
        return True


def _reached(
    scripts: Sequence[Script], imports: Mapping[str, tuple[_Import, ...]], *, entry: Script
) -> Iterator[Script]:
    """Return the entry script and the modules of the bundle that it imports, directly or not."""
    by_module = {_module(each.path): each for each in scripts}
    waiting, seen = [entry], {entry.path}
    for script in waiting:
        yield script
        for each in imports[script.path]:
            parts = each.module.split(".")
            for size in range(1, len(parts) + 1):
                found = by_module.get(".".join(parts[:size]))
                if found is not None and found.path not in seen:
                    seen.add(found.path)
                    waiting.append(found)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imports(script: Script) -> Iterator[_Import]:
    """Yield what is imported for certain: not what a failing import is expected to be."""
    yield from _in_body(script.tree.body, certain=True)


def _in_body(body: Sequence[ast.AST], *, certain: bool) -> Iterator[_Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(alias.name, node.lineno, certain=certain)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, certain=certain)
        elif isinstance(node, ast.Try) and caught_by(node) & _FAILED_IMPORT:
            yield from _in_body([*node.finalbody], certain=certain)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _in_body(node.orelse, certain=certain)
        else:
            conditional = isinstance(node, (ast.If, ast.Match)) or (
                isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                and node.name not in {"init", "run"}
            )
            children = [
                each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr)
            ]
            yield from _in_body(children, certain=certain and not conditional)


def _from(node: ast.ImportFrom, *, certain: bool) -> Iterator[_Import]:
    module = node.module or ""
    names = tuple(alias.name for alias in node.names)
    yield _Import(module, node.lineno, node.level, certain, names)
    if not node.level:
        for alias in node.names:
            if f"{module}.{alias.name}" in {*_EXTERNALS, *_SCHEMA_NEEDS}:
                yield _Import(f"{module}.{alias.name}", node.lineno, certain=certain)


def _hidden(
    scripts: Sequence[Script],
    *,
    own: set[str],
    known: frozenset[str],
    provided: Provided,
    imported: set[str],
) -> Iterator[Finding]:
    """Find files beside the script that bear the name of a module that others import."""
    for script in scripts:
        top = script.path.partition("/")[0].removesuffix(".py")
        if "/" in script.path.removesuffix("/__init__.py") or top not in own:
            continue
        what = "the standard library" if top in known else ""
        if not what and provided.provides(top):
            what = provided.package_of(top)
        if what and (top in imported or what == "the standard library"):
            yield RULES["MS116"].finding(
                f"It has the name of the module {top} of {what}: one hides the other.",
                path=script.path,
            )
