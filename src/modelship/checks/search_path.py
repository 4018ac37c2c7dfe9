"""Folders of the source that a script puts on Python's path, and what is imported from there."""

from __future__ import annotations

import ast
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.checks.parsing import Script, called, parse
from modelship.checks.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelship.bundle.source_folder import SourceFile

__all__ = ["with_search_path"]

_ADDING: Final = frozenset({"sys.path.append", "sys.path.insert", "site.addsitedir"})


def with_search_path(
    source: Sequence[SourceFile], *, python: tuple[int, int]
) -> tuple[SourceFile, ...]:
    """Return a source, and once more, by the path from there, what lies in folders on the path.

    A folder that cannot be told without running the script counts as any folder of the source: what
    is imported from there, the trial shows.

    Parameters
    ----------
    source : Sequence[SourceFile]
        The script, and what lies beside it.
    python : tuple[int, int]
        The minor version of Python that runs it.
    """
    added = _added(_scripts(source, python=python))
    folders = {posixpath.dirname(file.path) for file in source} if "" in added else added
    again = [
        replace(file, path=file.path.removeprefix(f"{folder}/"))
        for folder in sorted(folders - {"", "."})
        for file in source
        if file.path.startswith(f"{folder}/")
    ]
    return (*source, *again)


def _scripts(source: Sequence[SourceFile], *, python: tuple[int, int]) -> Iterator[Script]:
    for file in source:
        # Most say nothing of it, and are not parsed.
        if file.path.endswith(".py") and (b"sys.path" in file.content or b"site" in file.content):
            parsed = parse(file, python=python)
            if isinstance(parsed, Script):
                yield parsed


def _added(scripts: Iterable[Script]) -> set[str]:
    """Return the folders that are put on the path; ``""`` stands for one that is not known."""
    found: set[str] = set()
    for script in scripts:
        places = Places(script)
        for node in script.nodes:
            if isinstance(node, ast.Call) and called(node) in _ADDING and node.args:
                place = places.of(node.args[-1])
                inside = place is not None and place.root in {"here", "source"}
                found.add(place.path if place is not None and inside else "")
    return found
