"""Describe the file of a pickled model: its content and its schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelship.sources._budget import Budget
from modelship.sources._parts import Part
from modelship.sources._schema import schema_in
from modelship.sources._skops_tree import skops_tree
from modelship.sources._tree_machine import TreeMachine
from modelship.sources.contents import Contents, contents_of, estimator_in
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Told", "tell_pickle", "tell_skops"]


@dataclass(frozen=True)
class Told:
    """The facts in a file; those that it lacks are unknown."""

    contents: Contents = field(default_factory=Contents)
    schema: Schema = field(default_factory=Schema)


def tell_pickle(path: Path) -> Told:
    """Return the facts in a pickle with a complete passport; none if it is too unusual.

    This function raises nothing: the passport says whether a file is damaged or dangerous.
    """
    return _tell(path, _tree_of)


def tell_skops(path: Path) -> Told:
    """Return the facts in a skops file, like :func:`tell_pickle`."""
    return _tell(path, skops_tree)


def _tell(path: Path, read: Callable[[Path], object]) -> Told:
    try:
        root = read(path)
        return Told(contents_of(root), schema_in(estimator_in(root)[0]))
    except Exception:  # noqa: BLE001 - a file may hold anything, and to tell nothing is always right
        return Told()


def _tree_of(path: Path) -> object:
    with Part(path, Budget(path.stat().st_size), alone=True).opened() as open_:
        return TreeMachine(open_()).read_tree()
