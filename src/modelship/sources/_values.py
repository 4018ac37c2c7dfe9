"""Define the values that the inert pickle machine keeps."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Final

from modelship.sources import _kinds as kinds
from modelship.sources._globals import Use
from modelship.sources._keys import KEPT_KEYS
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "DynamicClass",
    "Findings",
    "Listed",
    "Made",
    "Name",
    "State",
    "holds_made_here",
    "is_made_here",
]

_MAX_REASONS: Final = 20
_MAX_TUPLES: Final = 1000
_MAX_PARTS: Final = 10_000


class Made:
    """An instance of an imported class; it is ``built`` once it has a state.

    ``computes`` is True if its class does more with a state than storing it.
    """

    __slots__ = ("built", "computes", "parts")

    def __init__(self, parts: Iterable[object] = (), *, computes: bool = False) -> None:
        self.built = False
        self.computes = computes
        self.parts = _kept(parts)

    def keep(self, values: Iterable[object]) -> None:
        """Record values that become part of it."""
        self.parts += _kept(values)


class Listed:
    """A list or a set, or a long tuple: ``parts`` are its relevant items."""

    __slots__ = ("is_empty", "parts")

    def __init__(self, items: Sequence[object] = ()) -> None:
        self.is_empty = not items
        self.parts = _kept(items) if items else []

    def keep(self, items: Sequence[object]) -> None:
        """Record added items."""
        self.is_empty &= not items
        self.parts += _kept(items)


@dataclass(eq=False)
class DynamicClass:
    """A class that the file itself defines; calling an enumeration returns a member.

    ``bases`` are the imported ones, and ``evaluates`` is True if one of them would execute a text
    in a state.
    """

    is_enum: bool = False
    bases: tuple[Name, ...] = ()
    evaluates: bool = False


@dataclass(eq=False)
class Name:
    """An imported name, and how loading uses it."""

    text: str
    held: bool = False
    made: bool = False
    called: bool = False

    @property
    def uses(self) -> Use:
        """The uses as flags, which are too slow to set for each of many instances."""
        flags = ((self.held, Use.HOLD), (self.made, Use.MAKE), (self.called, Use.CALL))
        return reduce(Use.__or__, (use for is_used, use in flags if is_used), Use(0))

    def add(self, uses: Use) -> None:
        """Add `uses`."""
        self.held |= Use.HOLD in uses
        self.made |= Use.MAKE in uses
        self.called |= Use.CALL in uses


class State(dict[str, object]):
    """The entries of a dict with known keys.

    ``more`` is True if it has other entries as well, ``opaque`` if some keys are not texts or a
    call may have modified it, and ``twice`` if a key is repeated, which no pickler writes.
    ``tuples`` are the values of the other entries that are tuples, such as the fields of a dtype.
    """

    __slots__ = ("more", "opaque", "parts", "tuples", "twice")

    def __init__(self) -> None:
        self.more = self.opaque = self.twice = False
        self.tuples: list[tuple[object, ...]] = []
        self.parts: list[object] = []

    def add(self, items: list[object]) -> None:
        self.parts += _kept(items)
        # Only texts are looked up: hashing values from a file could take forever.
        pairs = zip(items[::2], items[1::2], strict=False)
        known = [pair for pair in pairs if isinstance(pair[0], str) and pair[0] in KEPT_KEYS]
        if known:
            size = len(self)
            self.update(known)  # type: ignore[arg-type] # the keys are texts
            self.twice |= len(self) != size + len(known)
        if len(known) * 2 != len(items):
            self.more = True
            self.opaque |= any(type(key) is not str for key in items[::2])
            if len(self.tuples) < _MAX_TUPLES:
                self.tuples += [value for value in items[1::2] if type(value) is tuple]


def is_made_here(value: object) -> bool:
    """Return whether calling a method of a value runs code from the file itself."""
    return (
        value is kinds.FUNCTION
        or value is kinds.INSTANCE
        or value is kinds.MEMBER
        or value is kinds.MODULE
        or type(value) is DynamicClass
    )


def holds_made_here(value: object, *, but: object = None) -> bool:
    """Return whether a value is or contains such a value, at any depth."""
    waiting, seen = [value], {id(value)}
    for each in waiting:
        if (is_made_here(each) and each is not but) or len(waiting) > _MAX_PARTS:
            return True
        inner = each if isinstance(each, tuple) else getattr(each, "parts", ())
        waiting.extend(part for part in inner if id(part) not in seen)
        seen.update(map(id, inner))
    return False


def _kept(values: Iterable[object]) -> list[object]:
    return [each for each in values if type(each) in _HOLDERS and each is not kinds.OPAQUE]


_HOLDERS: Final = frozenset((tuple, Listed, State, Made, DynamicClass, kinds.Kind))


@dataclass
class Findings:
    """The facts about a pickle; ``sklearn_version`` is the outermost one, which comes last.

    ``arrays`` counts the arrays with bytes between instructions, which only joblib reads, and
    ``padded`` those preceded by padding, which joblib skips since 1.2. ``goes_on`` is True if
    ``pickle.load`` could continue at the first of them, and ``goes_on_when_older`` if an older
    joblib could. ``understood`` are names that were called and whose effect is recorded elsewhere.
    ``files`` are other files that loading reads. ``calls`` counts calls and created instances; once
    the bytes of an array are read as instructions, the reading ``went_astray``, and the count
    restarts.
    """

    protocol: int = 0
    names: dict[str, Name] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    hazards: dict[str, None] = field(default_factory=dict)
    incomplete: dict[str, None] = field(default_factory=dict)
    understood: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    sklearn_version: str = ""
    arrays: int = 0
    padded: int = 0
    goes_on: bool = False
    goes_on_when_older: bool = False
    calls: int = 0
    went_astray: bool = False
    brings_code: bool = False  # of its own functions and classes, or of partial ones
    in_objects: bool = False  # it did so in a pickle, which only the memo makes a different one
    computes_names: bool = False

    def hazard(self, clause: str) -> None:
        """Record an effect of loading that no name shows."""
        self.hazards[clause] = None

    def leave(self, reason: str) -> Findings:
        """Record why the file was not read to its end."""
        self.incomplete[reason] = None
        return self

    @contextmanager
    def reading(self, cut: str) -> Iterator[None]:
        """Record why the body stopped reading; `cut` is the reason if the file is not whole.

        It may contain ``{}``, for the problem.
        """
        try:
            yield
        except UndescribedError as error:
            self.leave(str(error))
        except (EndedEarlyError, MalformedError) as error:
            self.leave(cut.format(error))

    def go_astray(self) -> None:
        """Record that from here on, bytes of an array are read as instructions."""
        if not self.went_astray:
            self.went_astray, self.calls = True, 0
            self.hazards.clear()

    def add(self, other: Findings, *, within: str = "") -> None:
        """Add the findings of a part, such as an entry of an archive."""
        for name in other.names.values():
            self.named(name.text).add(other.use_of(name))
        self.understood |= other.understood
        self.modules |= other.modules
        self.files |= other.files
        self.hazards.update(other.hazards)
        self.calls += other.calls
        self.sklearn_version = self.sklearn_version or other.sklearn_version
        for reason in other.incomplete:
            clause = f"of {within!a}, {reason}" if within else reason
            if len(self.incomplete) < _MAX_REASONS:
                self.incomplete[clause] = None

    def named(self, text: str) -> Name:
        """Return the Name for this text; equal texts share one."""
        found = self.names.get(text)
        if found is None:
            found = self.names[text] = Name(text)
        return found

    @property
    def uses(self) -> dict[str, Use]:
        """How loading uses each name."""
        return {name.text: self.use_of(name) for name in self.names.values()}

    def use_of(self, name: Name) -> Use:
        """Return how loading uses a name, which is held if no other use was seen."""
        return name.uses or (Use(0) if name.text in self.understood else Use.HOLD)
