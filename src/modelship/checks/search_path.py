"""Find source folders that a script adds to ``sys.path``, and the imports from them."""

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelship.checks.parsing import Script, called, dotted, parse, targets_of
from modelship.checks.script_paths import Places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.source_folder import SourceFile

__all__ = ["SearchPath"]

_PATH: Final = "sys.path"
_ADDING: Final = frozenset({"sys.path.append", "sys.path.insert", "site.addsitedir"})
_EXTENDING: Final = "sys.path.extend"
_ARCHIVES: Final = (".zip", ".egg", ".whl")
_SITE: Final = "site.addsitedir"


@dataclass(frozen=True)
class SearchPath:
    """The paths on which the script's imports are looked up.

    Parameters
    ----------
    source : Sequence[SourceFile]
        The script and the files next to it.
    python : tuple[int, int]
        The minor version of Python that runs it.
    """

    source: Sequence[SourceFile]
    python: tuple[int, int]

    @cached_property
    def files(self) -> tuple[SourceFile, ...]:
        """The source; files in folders on the path also appear by their path from there.

        A folder that cannot be determined without running the script counts as any folder of the
        source.
        """
        again = [
            replace(file, path=path)
            for file in self.source
            for path in self.paths_of(file.path)
            if path != file.path
        ]
        return (*self.source, *again)

    def paths_of(self, path: str) -> list[str]:
        """Return the paths that a file is imported by: from the root, and from each folder."""
        within = [each for each in sorted(self._folders) if path.startswith(f"{each}/")]
        return [path, *(path.removeprefix(f"{each}/") for each in within)]

    @cached_property
    def _folders(self) -> set[str]:
        every = {posixpath.dirname(file.path) for file in self.source}
        return (every if self.is_unknown else self._added) - {"", "."}

    @property
    def is_unknown(self) -> bool:
        """Whether the path has a folder or an archive that cannot be read here."""
        return "" in self._added

    @cached_property
    def _added(self) -> set[str]:
        """The folders added to the path; ``""`` stands for an unknown one."""
        return {folder for script in self._scripts for folder in _added(script)}

    @property
    def _scripts(self) -> Iterator[Script]:
        for file in self.source:
            # Most do not mention it, and are not parsed.
            if file.path.endswith(".py") and (b"sys" in file.content or b"site" in file.content):
                parsed = parse(file, python=self.python)
                if isinstance(parsed, Script):
                    yield parsed


def _added(script: Script) -> Iterator[str]:
    """Return the folders that a script adds to the path; ``""`` for an unknown one."""
    places = Places(script)
    for node in script.nodes:
        if _renames(node) or called(node) == "os.chdir":
            yield ""
        for each in _given(node):
            place = places.of(each)
            inside = place is not None and place.root in {"here", "source"}
            folder = place.path if place is not None and inside else ""
            yield "" if folder.endswith(_ARCHIVES) else folder


def _given(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the folders that a statement adds to the path."""
    if isinstance(node, ast.Call) and node.args:
        if called(node) in _ADDING:
            yield node.args[0 if called(node) == _SITE else -1]
        elif called(node) == _EXTENDING:
            yield from _elements(node.args[0])
    elif isinstance(node, (ast.Assign, ast.AugAssign)) and any(map(_is_path, targets_of(node))):
        yield from _elements(node.value)


def _is_path(target: ast.AST) -> bool:
    return dotted(target.value if isinstance(target, ast.Subscript) else target) == _PATH


def _elements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the elements of a list assigned to the path, except those that were on it before."""
    if isinstance(node, ast.BinOp):
        yield from (*_elements(node.left), *_elements(node.right))
    elif isinstance(node, (ast.List, ast.Tuple)):
        for each in node.elts:
            yield from _elements(each) if isinstance(each, ast.Starred) else (each,)
    elif isinstance(node, ast.Starred):
        yield from _elements(node.value)
    elif not _is_path(node):
        yield node


def _renames(node: ast.AST) -> bool:
    """Return whether the path gets another name, through which anything may be added to it."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "sys" and any(each.name == "path" for each in node.names)
    if isinstance(node, ast.Import):
        return any(each.name == "sys" and each.asname not in {None, "sys"} for each in node.names)
    value = node.value if isinstance(node, ast.Assign) else None
    return value is not None and dotted(value) == _PATH
