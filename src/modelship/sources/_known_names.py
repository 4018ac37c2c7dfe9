"""List names in model files, and how legitimate files use each.

``known_names.txt`` next to this module has a line for each module and below it a line for each of
its names: ``H`` if files only hold it, ``M`` if they also instantiate it, ``C`` if they call it. A
script generates it by pickling the components of models in every supported release: see
``tests/corpus/known_names.py``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_of_known_library", "known_module", "use_of"]

_TABLE: Final = Path(__file__).with_name("known_names.txt")
_UNCLASSIFIED: Final = ""


def use_of(name: str) -> str:
    """Return the letter of ``module.qualname``, or ``""`` if it is not in the table."""
    module, _, last = name.rpartition(".")
    return _names_of(module).get(last, _UNCLASSIFIED)


def is_of_known_library(name: str) -> bool:
    """Return whether the table contains names of the same top-level module."""
    return name.partition(".")[0] in _packages()


def known_module(name: str) -> str:
    """Return the longest prefix of `name` that is a module or package in the table."""
    module = name.rpartition(".")[0]
    while module and module not in _packages():
        module = module.rpartition(".")[0]
    return module


@cache
def _lines() -> Mapping[str, str]:
    """Return the names of each module, unparsed: parsing all is slow, and few are used."""
    lines = _TABLE.read_text(encoding="ascii").replace("\n ", " ").splitlines()
    return {module: names for module, _, names in (line.partition(" ") for line in lines)}


@cache
def _names_of(module: str) -> Mapping[str, str]:
    return {name[1:]: name[0] for name in _lines().get(module, "").split()}


@cache
def _packages() -> frozenset[str]:
    packages = set()
    for module in _lines():
        while module and module not in packages:
            packages.add(module)
            module = module.rpartition(".")[0]  # noqa: PLW2901 - from the inside out
    return frozenset(packages)
