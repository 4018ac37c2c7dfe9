"""Classify the names that a model's file imports.

Nothing is safe because of the library that it belongs to: NumPy has functions that write files,
and its modules lead to modules of Python. A table names what honest files hold, make and call.
Whatever else is called is dangerous, and so is what else is made or held, unless it may be a class
of the user's own or of a release that the table does not know yet.
"""

from __future__ import annotations

import enum
import re
import sys
from typing import Final

from modelship.sources._denied import DANGEROUS_MODULES, leads_to_code
from modelship.sources._known_names import is_of_known_library, known_module, use_of

__all__ = ["MAIN_OF_DILL", "Judgement", "Use", "is_dangerous", "judge", "top_module"]


class Use(enum.Flag):
    """What loading a file does with a name that it imports.

    ``HOLD``: it is only stored. ``MAKE``: an instance is created, and no constructor that takes
    data runs. ``CALL``: it is called with arguments, or nobody can say what happens to it.
    """

    HOLD = enum.auto()
    MAKE = enum.auto()
    CALL = enum.auto()


class Judgement(enum.Enum):
    """``KNOWN`` is safe in these uses, ``UNKNOWN`` deserves a look, ``DANGEROUS`` blocks."""

    KNOWN = enum.auto()
    UNKNOWN = enum.auto()
    DANGEROUS = enum.auto()


# A class that may be called may be made too, and one that may be made may be held.
_USES: Final = {
    "": Use(0),
    "H": Use.HOLD,
    "M": Use.HOLD | Use.MAKE,
    "C": Use.HOLD | Use.MAKE | Use.CALL,
}
_PYTHON: Final = sys.stdlib_module_names | {"__builtin__", "copy_reg", "exceptions"}
_MAIN: Final = "__main__"
MAIN_OF_DILL: Final = "__builtin__.__main__"
"""What dill calls the variables of the program, which its functions are given; no such name is
there for any other unpickler."""
# Cython writes such a function for a class of its own; it makes an instance and nothing else.
_OF_CYTHON: Final = re.compile(r"[\w.]+\.__pyx_unpickle_(?!Enum\b)\w+")
# Functions that read, write, fetch or evaluate have such names, whatever the library.
_TOUCHES: Final = re.compile(
    r"_?(load|save|read|write|fetch|open|eval|exec|run|call|import|download|dump|query|to|from)s?"
    r"_?\w*|\w*(dmatrix|dmatrices|memmap|pickle|subprocess|shell)"
)
# Compiled modules whose names lack that of their package.
_OF_PACKAGES: Final = {"_loss": "sklearn", "_catboost": "catboost"}


def top_module(name: str) -> str:
    """Return the top-level module or package that has ``module.qualname``."""
    top = name.partition(".")[0]
    return _OF_PACKAGES.get(top, top)


def judge(name: str, uses: Use) -> Judgement:
    """Return whether ``module.qualname`` is safe in what loading does with it.

    ``getattr(cls, "method")`` with a plain global and a constant text is the name
    ``cls.method``: pickle writes methods of built-in types so. Judge that name, as held.
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
    is_function = is_of_known_library(name) and not (Use.MAKE in uses or _is_class(name))
    endangers = Use.CALL in uses or leads_on or is_function
    return Judgement.DANGEROUS if endangers else Judgement.UNKNOWN


def is_dangerous(name: str) -> bool:
    """Return whether a name is known to do harm, and not only missing in the table.

    A name that came together by chance, where the bytes of an array are taken for instructions,
    is in no table either.
    """
    last = name.rpartition(".")[2]
    return leads_to_code(name) or _is_through_a_module(name) or bool(_TOUCHES.fullmatch(last))


def _is_through_a_module(name: str) -> bool:
    """Return whether a path leads through a module of Python that another one has imported."""
    if name.startswith(_MAIN):
        between = name.split(".")[1:-1]
        return any(not _is_class(part) for part in between)
    within = known_module(name)
    between = name[len(within) :].strip(".").split(".")[:-1]
    if within:
        return any(part in _PYTHON for part in between)
    return not _is_class(name) and any(part in DANGEROUS_MODULES for part in between[1:])


def _is_class(name: str) -> bool:
    return name.rpartition(".")[2].lstrip("_")[:1].isupper()
