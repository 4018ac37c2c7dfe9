"""List harmless names whose state or arguments the library evaluates as code.

Each was found by reading what the classes of the table do when they are given a state, and what its
functions do with their arguments.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from modelship.sources._keys import EVALUATED_KEYS
from modelship.sources._values import (
    COMPUTED,
    TEMPLATE,
    Name,
    State,
)

__all__ = [
    "METHODS_OF_DISTRIBUTIONS",
    "SHARED_BY_ALL",
    "evaluates",
    "is_template",
    "passed_on",
    "state_runs",
]

# SciPy's distributions execute this text when they are given a state (rv_generic.__setstate__ in
# scipy/stats/_distn_infrastructure.py): it has to be the template there, filled with names.
_TEMPLATE_KEY: Final = "_parse_arg_template"
_ARGUMENTS: Final = r"(?P<arguments>(?:[A-Za-z_]\w*, )*)"
_TEMPLATE: Final = re.compile(
    rf"""
def _parse_args\(self, {_ARGUMENTS} (?P<places>loc=0(?:, scale=1)?)\):
    return \((?P=arguments)\), (?P<out>loc, (?:scale|1))

def _parse_args_rvs\(self, (?P=arguments) (?P=places), size=None\):
    return self\._argcheck_rvs\((?P=arguments) (?P=out), size=size\)

def _parse_args_stats\(self, (?P=arguments) (?P=places), moments='mv'\):
    return \((?P=arguments)\), (?P=out), moments
""",
    re.ASCII,
)
# statsmodels evaluates the state's "formula" if one of these is in it (statsmodels/base/data.py).
_FORMULA_KEYS: Final = EVALUATED_KEYS - {_TEMPLATE_KEY}
_EVALUATING: Final = re.compile(
    r"scipy\.stats\..+|(.+\.)?(\w+_gen|rv_\w+|ModelData|PandasData|PatsyData)"
)
# They call, or make an instance of, one of their arguments; where it is, and whether a text may be
# there instead.
_CALLERS: Final = {
    "numpy.random._pickle.__generator_ctor": 1,
    "numpy.random._pickle.__randomstate_ctor": 1,
    "numpy.random._pickle.__bit_generator_ctor": 0,
    "pandas.core.indexes.base._new_Index": 0,
    "pandas.core.indexes.datetimes._new_DatetimeIndex": 0,
    "pandas.core.indexes.interval._new_IntervalIndex": 0,
    "pandas.core.indexes.period._new_PeriodIndex": 0,
    "pandas.core.indexes.timedeltas._new_TimedeltaIndex": 0,
    "pandas.indexes.base._new_Index": 0,
    "array._array_reconstructor": 0,
}
_CALLERS_WITH_VALUES: Final = (
    "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__randomstate_ctor",
)
# They keep what they are given, and call it at some other time.
_KEEPERS: Final = frozenset(
    (
        *("functools.partial", "builtins.property", "builtins.classmethod"),
        *("builtins.staticmethod", "collections.defaultdict", "_operator.getitem"),
    )
)


# Calls of these with a number of bytes, or with a range of numbers, fill any memory.
_BUFFERS: Final = ("builtins.bytes", "builtins.bytearray")
_CONTAINERS: Final = frozenset(
    (
        *("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.dict"),
        *("collections.deque", "collections.Counter", "collections.OrderedDict"),
    )
)
_MAX_BYTES: Final = 2**31
# They return what all of a process shares.
SHARED_BY_ALL: Final = frozenset({"logging.getLogger", "pytz._UTC", "pytz._p"})
# Bound methods that discrete distributions keep among their attributes.
METHODS_OF_DISTRIBUTIONS: Final = frozenset(
    ("_entropy", "_nonzero", "_ppf", "_cdf_single", "_ppf_single", "_mom0_sc", "_mom1_sc")
)


def is_template(text: str) -> bool:
    """Return whether a text is what SciPy itself executes for a distribution."""
    return _TEMPLATE.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def evaluates(text: str) -> bool:
    """Return whether a state could make an instance of this class execute a text."""
    return _EVALUATING.fullmatch(text) is not None


def state_runs(state: object, *, strict: bool) -> str:
    """Return why giving this state to an instance runs what a file says, or ``""``.

    Parameters
    ----------
    state : object
        As the machine keeps it.
    strict : bool
        Whether the instance is known to execute something, so that nothing may stay hidden.
    """
    known = [part for part in _parts(state) if isinstance(part, State)]
    if any(part.keys() & _FORMULA_KEYS for part in known):
        return "it has a formula that statsmodels evaluates as code"
    templates = [part for part in known if _TEMPLATE_KEY in part]
    # In a tuple, which dict.update takes for pairs, even the right text comes to another key.
    if any(part is not state or not _is_of_scipy(part[_TEMPLATE_KEY]) for part in templates):
        return "it has a text that SciPy would execute as code"
    is_plain = state is None or (isinstance(state, State) and not state.opaque)
    before_scipy_1_6 = isinstance(state, tuple) and len(known) == 1 and state[1:] == (None,)
    if strict and not (is_plain or before_scipy_1_6):
        return "it gives a distribution or a data set a state that cannot be read"
    return ""


def passed_on(text: str, args: object, *, holds_own: bool) -> str:
    """Return why a call of a known name calls something that a file made, or ``""``.

    `holds_own` says that the arguments hold something that the file defines itself.
    """
    given = _parts(args)
    place = _CALLERS.get(text)
    if place is not None and len(given) > place:
        called = given[place]
        if isinstance(called, Name):
            called.called |= text in _CALLERS_WITH_VALUES
        elif not isinstance(called, str):
            return f"it lets {text} call a value that it computes itself"
    if text not in _KEEPERS and holds_own:
        return f"it passes its own definitions to {text}, which may call it"
    return _unusual(text, given)


def _unusual(text: str, given: tuple[object, ...]) -> str:
    """Return what is wrong with arguments that no pickler writes, or ``""``."""
    first = given[0] if given else None
    if text == "_operator.getitem" and not isinstance(first, Name):
        return "it takes an item out of what it makes itself"
    if text == "numpy.dtype" and not isinstance(first, (str, Name)):
        return "it computes the type of an array"
    if text in _CONTAINERS and any(each is COMPUTED for each in given):
        return f"it fills a {text.rpartition('.')[2]} with what it computes, which may be endless"
    if text in _BUFFERS and any(isinstance(each, int) and each > _MAX_BYTES for each in given):
        return "it asks for more memory than a model takes"
    return ""


def _is_of_scipy(value: object) -> bool:
    return value is TEMPLATE or (isinstance(value, str) and is_template(value))


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
