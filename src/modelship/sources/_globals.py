"""Classify the names that a model's file imports.

A name is not safe because of its library: NumPy has functions that write files, and its modules
have modules of Python as attributes. A table lists the names that legitimate files hold,
instantiate and call. Any other name that is called is dangerous. So is any other name that is
instantiated or held, unless it may be a class of the user, or of a release that is newer than the
table.

The table is ``known_names.txt`` next to this module: a line for each module and below it a line for
each of its names: ``H`` if files only hold it, ``M`` if they also instantiate it, ``C`` if they
call it. A script generates it by pickling the components of models in every supported release: see
``tests/corpus/known_names.py``.
"""

from __future__ import annotations

import enum
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.sources._denied import DANGEROUS_MODULES, leads_to_code

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MAIN_OF_DILL",
    "Judgement",
    "Use",
    "is_class",
    "is_dangerous",
    "judge",
    "top_module",
    "use_of",
]


class Use(enum.Flag):
    """The ways in which loading a file uses an imported name.

    ``HOLD``: it is only stored. ``MAKE``: an instance is created, without calling a constructor
    that takes data. ``CALL``: it is called with arguments, or its use is unknown.
    """

    HOLD = enum.auto()
    MAKE = enum.auto()
    CALL = enum.auto()


class Judgement(enum.Enum):
    """``KNOWN`` is safe in these uses, ``UNKNOWN`` should be reviewed, ``DANGEROUS`` blocks."""

    KNOWN = enum.auto()
    UNKNOWN = enum.auto()
    DANGEROUS = enum.auto()


# A class that may be called may also be instantiated, and one that may be instantiated may also be
# held.
_USES: Final = {
    "": Use(0),
    "H": Use.HOLD,
    "M": Use.HOLD | Use.MAKE,
    "C": Use.HOLD | Use.MAKE | Use.CALL,
}
_PYTHON: Final = sys.stdlib_module_names | {"__builtin__", "copy_reg", "exceptions"}
_MAIN: Final = "__main__"
MAIN_OF_DILL: Final = "__builtin__.__main__"
"""dill's name for the variables of the program, which its functions get.

No other unpickler has this name.
"""
# Cython writes such a function for one of its classes; it only creates an instance.
_OF_CYTHON: Final = re.compile(r"[\w.]+\.__pyx_unpickle_(?!Enum\b)\w+")
# Common names of functions that read, write, fetch or evaluate, in any library.
_TOUCHES: Final = re.compile(
    r"_?(load|save|read|write|fetch|open|eval|exec|run|call|import|download|dump|query|to|from)s?"
    r"_?\w*|\w*(dmatrix|dmatrices|memmap|pickle|subprocess|shell)"
)
# Extension modules whose names do not contain that of their package.
_OF_PACKAGES: Final = {"_loss": "sklearn", "_catboost": "catboost"}


def top_module(name: str) -> str:
    """Return the top-level module or package of ``module.qualname``."""
    top = name.partition(".")[0]
    return _OF_PACKAGES.get(top, top)


def judge(name: str, uses: Use) -> Judgement:
    """Return whether ``module.qualname`` is safe in the ways that loading uses it.

    ``getattr(cls, "method")`` with a plain global and a constant text is the name ``cls.method``:
    this is how pickle writes methods of built-in types. Classify that name, as held.
    """
    if name == MAIN_OF_DILL and uses == Use.HOLD:
        return Judgement.KNOWN
    if leads_to_code(name):
        return Judgement.DANGEROUS
    if uses in _USES[use_of(name)]:
        return Judgement.KNOWN
    if _OF_CYTHON.fullmatch(name) and not _is_through_a_module(name):
        return Judgement.KNOWN if is_of_known_library(name) else Judgement.UNKNOWN
    leads_on = top_module(name) in _PYTHON or _is_through_a_module(name)
    is_function = is_of_known_library(name) and not (Use.MAKE in uses or is_class(name))
    endangers = Use.CALL in uses or leads_on or is_function
    return Judgement.DANGEROUS if endangers else Judgement.UNKNOWN


def is_dangerous(name: str) -> bool:
    """Return whether a name is known to be harmful, and not only missing in the table.

    A coincidental name, from the bytes of an array that are read as instructions, is in no table
    either.
    """
    last = name.rpartition(".")[2]
    return leads_to_code(name) or _is_through_a_module(name) or bool(_TOUCHES.fullmatch(last))


def _is_through_a_module(name: str) -> bool:
    """Return whether a path contains a module of Python that another module has imported."""
    if name.startswith(_MAIN):
        between = name.split(".")[1:-1]
        return any(not is_class(part) for part in between)
    within = known_module(name)
    between = name[len(within) :].strip(".").split(".")[:-1]
    if within:
        return any(part in _PYTHON for part in between)
    return not is_class(name) and any(part in DANGEROUS_MODULES for part in between[1:])


def is_class(name: str) -> bool:
    """Return whether a name looks like that of a class."""
    return name.rpartition(".")[2].lstrip("_")[:1].isupper()


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
