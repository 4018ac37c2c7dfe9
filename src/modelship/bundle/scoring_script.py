"""Read a scoring script and check it without running it.

The contract is that of Azure ML: ``init()`` is called once when the service starts, and
``run(raw_data)`` for each request. A script may import modules next to it.
"""

from __future__ import annotations

import ast
import re
import sys
import threading
import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from modelship.bundle.layout import script_name_problem, script_problem, source_problem
from modelship.bundle.source_folder import SourceFile, is_there, read_file, read_folder
from modelship.errors import EntryScriptError
from modelship.texts import SAVE_AS_UTF8, python_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = [
    "SourceFile",
    "bound_names",
    "check_script",
    "declared_names",
    "left_beside",
    "parse_source",
    "read_files",
    "read_source",
    "top_level",
]

_RENAME = "Give the file another name, or move it out of source_directory."
_BELOW = "Name a script in source_directory, by its path relative to it."

# Statements that bind names of a module in ways that are not analyzed.
_BINDING = re.compile(rb"\bglobals\(\)|\bexec\(|\bsys\.modules\b|\b__getattr__\b")
_PARSING = threading.Lock()
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def read_source(
    entry_script: str | Path, *, source_directory: str | Path | None = None
) -> tuple[str, tuple[SourceFile, ...]]:
    """Read a scoring script and the files next to it, and check the script.

    Parameters
    ----------
    entry_script : str or Path
        The path of the script, relative to `source_directory` if given.
    source_directory : str or Path, optional
        A folder whose files are all included. Without it, only the script is included.

    Returns
    -------
    tuple
        The path of the script in its folder, and the files, sorted by path.

    Raises
    ------
    EntryScriptError
        If the script is missing, is not valid Python, or lacks ``init()`` or ``run()``.
    """
    name, files = read_files(entry_script, source_directory=source_directory)
    script = next(file for file in files if file.path == name)
    check_script(script.content, shown=str(Path(source_directory or "", entry_script)))
    return name, files


def read_files(
    entry_script: str | Path, *, source_directory: str | Path | None = None
) -> tuple[str, tuple[SourceFile, ...]]:
    """Read the files that :func:`read_source` reads, and check only their names.

    Raises
    ------
    EntryScriptError
        If the script is missing or cannot be imported under its name, or if its folder contains a
        file that cannot be read or has a reserved path (see :mod:`modelship.bundle.layout`).
    """
    folder = Path(entry_script).parent if source_directory is None else Path(source_directory)
    name = Path(entry_script).name if source_directory is None else Path(entry_script).as_posix()
    script = folder / name
    _require_script(script)
    files = read_folder(folder) if source_directory is not None else (read_file(script, name),)
    paths = [file.path for file in files]
    name = PurePosixPath(name).as_posix()
    if problem := source_problem(paths):
        raise EntryScriptError(path=str(folder), problem=f"{problem}.", advice=_RENAME)
    if problem := script_problem(name, paths):
        raise EntryScriptError(path=str(script), problem=f"{problem}.", advice=_BELOW)
    return name, files


def left_beside(entry_script: str | Path) -> tuple[str, ...]:
    """Return the names of the modules that a script imports and that are next to it.

    A service does not have them, unless the folder is included.
    """
    folder = Path(entry_script).parent
    try:
        tree = parse_source(Path(entry_script).read_bytes(), shown="")
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    names = {name for node in ast.walk(tree) for name in _imported(node)}
    return tuple(sorted(name for name in names - sys.stdlib_module_names if _is_in(folder, name)))


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the top-level modules that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.module:
            yield node.module.partition(".")[0]
        else:
            yield from (alias.name for alias in node.names)


def _is_in(folder: Path, module: str) -> bool:
    return is_there(folder / f"{module}.py") or any((folder / module).glob("*.py"))


def parse_source(source: bytes, *, shown: str, python: tuple[int, int] | None = None) -> ast.Module:
    """Parse `source`, with the grammar of an older minor version of Python if given.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        As :func:`ast.parse` does.
    """
    # Before Python 3.13, building trees in two threads at the same time fails
    # (python/cpython#106905).
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for example an invalid escape sequence
        return ast.parse(source, filename=shown, feature_version=python)


def check_script(source: bytes, *, shown: str) -> None:
    """Raise EntryScriptError unless `source` is valid Python that defines init() and run()."""
    if problem := python_problem(source):
        raise EntryScriptError(path=shown, problem=f"{problem}.", advice=SAVE_AS_UTF8)
    try:
        tree = parse_source(source, shown=shown)
    except SyntaxError as error:
        raise EntryScriptError(
            path=shown,
            line=error.lineno,
            problem=f"syntax error: {error.msg}.",
            advice="Correct the line; `python -m py_compile` shows it too.",
        ) from error
    except (RecursionError, MemoryError) as error:
        problem = "it is nested too deeply to parse."
        raise EntryScriptError(path=shown, problem=problem) from error
    defined = bound_names(top_level(tree.body)) | declared_names(tree)
    if _BINDING.search(source):
        return  # only running it can show whether they are defined
    for function in ("init", "run"):
        if function not in defined and "*" not in defined:
            raise EntryScriptError(path=shown, problem=f"it does not define {function}().")


def _require_script(script: Path) -> None:
    if not is_there(script):
        raise EntryScriptError(path=str(script), problem="there is no such file.")
    if problem := script_name_problem(script.name):
        raise EntryScriptError(
            path=str(script), problem=f"{problem}.", advice="Name it so, such as score.py."
        )


def top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported, including those in branches."""
    for statement in body:
        yield statement
        if isinstance(statement, _SCOPES):
            continue
        for branch in ("body", "orelse", "finalbody"):
            yield from top_level(getattr(statement, branch, []))
        for part in ("handlers", "cases"):
            for each in getattr(statement, part, []):
                yield from top_level(each.body)


def declared_names(tree: ast.AST) -> frozenset[str]:
    """Return the names that `tree` declares as ``global``."""
    return frozenset(
        name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names
    )


def bound_names(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """Return all names that the statements bind; ``"*"`` stands for a star import."""
    return frozenset(name for each in statements for name in _bound(each))


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
