"""List harmless names whose state or arguments the library evaluates as code.

Each name was found by reading how the classes of the table process their state, and how its
functions process their arguments.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from modelship.sources import _kinds as kinds
from modelship.sources._keys import EVALUATED_KEYS
from modelship.sources._values import Name, State

__all__ = [
    "METHODS_OF_DISTRIBUTIONS",
    "SHARED_BY_ALL",
    "evaluates",
    "is_template",
    "passed_on",
    "state_runs",
]

# SciPy's distributions execute this text when their state is set (rv_generic.__setstate__ in
# scipy/stats/_distn_infrastructure.py): it has to match the template there, with names filled in.
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
# statsmodels evaluates the "formula" of a state that contains one of these
# (statsmodels/base/data.py).
_FORMULA_KEYS: Final = EVALUATED_KEYS - {_TEMPLATE_KEY}
_EVALUATING: Final = re.compile(
    r"scipy\.stats\..+|(.+\.)?(\w+_gen|rv_\w+|ModelData|PandasData|PatsyData)"
)
# They call or instantiate one of their arguments: its index, and whether it may be a text.
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
# They store their arguments, and call them later.
_KEEPERS: Final = frozenset(
    (
        *("functools.partial", "builtins.property", "builtins.classmethod"),
        *("builtins.staticmethod", "collections.defaultdict", "_operator.getitem"),
    )
)


# Calls of these with a number of bytes, or with a range of numbers, can exhaust the memory.
_BUFFERS: Final = ("builtins.bytes", "builtins.bytearray")
_CONTAINERS: Final = frozenset(
    (
        *("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.dict"),
        *("collections.deque", "collections.Counter", "collections.OrderedDict"),
    )
)
_MAX_BYTES: Final = 2**31
# They return objects that the whole process shares.
SHARED_BY_ALL: Final = frozenset({"logging.getLogger", "pytz._UTC", "pytz._p"})
# Bound methods in the attributes of discrete distributions.
METHODS_OF_DISTRIBUTIONS: Final = frozenset(
    ("_entropy", "_nonzero", "_ppf", "_cdf_single", "_ppf_single", "_mom0_sc", "_mom1_sc")
)


def is_template(text: str) -> bool:
    """Return whether a text is one that SciPy itself executes for a distribution."""
    return _TEMPLATE.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def evaluates(text: str) -> bool:
    """Return whether an instance of this class may execute a text from its state."""
    return _EVALUATING.fullmatch(text) is not None


def state_runs(state: object, *, strict: bool) -> str:
    """Return why setting this state on an instance runs code from the file, or ``""``.

    Parameters
    ----------
    state : object
        The state as stored by the machine.
    strict : bool
        Whether the instance is known to execute a text, so that the state must be fully known.
    """
    known = [part for part in _parts(state) if isinstance(part, State)]
    if any(part.keys() & _FORMULA_KEYS for part in known):
        return "it has a formula that statsmodels evaluates as code"
    templates = [part for part in known if _TEMPLATE_KEY in part]
    # dict.update reads a tuple as pairs, so even a valid text would be stored under another key.
    if any(part is not state or not _is_of_scipy(part[_TEMPLATE_KEY]) for part in templates):
        return "it has a text that SciPy would execute as code"
    is_plain = state is None or (isinstance(state, State) and not state.opaque)
    before_scipy_1_6 = isinstance(state, tuple) and len(known) == 1 and state[1:] == (None,)
    if strict and not (is_plain or before_scipy_1_6):
        return "it gives a distribution or a data set a state that cannot be read"
    return ""


def passed_on(text: str, args: object, *, holds_own: bool) -> str:
    """Return why a call of a known name calls something that the file defines, or ``""``.

    `holds_own` is True if the arguments contain something that the file itself defines.
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
        return "it takes an item from an object that it creates itself"
    if text == "numpy.dtype" and not isinstance(first, (str, Name)):
        return "it computes the type of an array"
    if text in _CONTAINERS and any(each is kinds.COMPUTED for each in given):
        container = text.rpartition(".")[2]
        return f"it fills a {container} with a value that it computes, which may be endless"
    if text in _BUFFERS and any(isinstance(each, int) and each > _MAX_BYTES for each in given):
        return "it requests more memory than a model needs"
    return ""


def _is_of_scipy(value: object) -> bool:
    return value is kinds.TEMPLATE or (isinstance(value, str) and is_template(value))


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
