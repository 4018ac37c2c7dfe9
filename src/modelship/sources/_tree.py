"""Define the object tree of a pickle: classes by name, states, containers and small arrays.

Nothing in it was imported or called. Values that were too large to keep are ``OPAQUE``.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.sources._arrays import Dtype
from modelship.sources._kinds import OPAQUE
from modelship.sources._stream import UndescribedError
from modelship.sources._values import Name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

__all__ = [
    "MAX_ITEMS",
    "Array",
    "Entries",
    "Head",
    "Items",
    "KnownDtype",
    "Thing",
    "as_array",
    "class_of",
    "is_gap",
    "is_label",
    "known_text",
    "pairs_in",
    "scalar_of",
    "values_of",
]

MAX_ITEMS: Final = 10_000
MAX_STATES: Final = 64
_MAX_LABEL: Final = 1024
_OF_NUMBERS: Final = {
    "b": {1: "b", 2: "h", 4: "i", 8: "q"},  # NumPy's kind, and the size of an element
    "i": {1: "b", 2: "h", 4: "i", 8: "q"},
    "u": {1: "B", 2: "H", 4: "I", 8: "Q"},
    "f": {2: "e", 4: "f", 8: "d"},
}
_NAMES: Final = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
_UCS4_BYTES: Final = 4
_BITS: Final = 8


class Items(list[object]):
    """The first items of a list or a set; ``size`` is the total number."""

    __slots__ = ("kind", "size")

    def __init__(self, items: list[object] | tuple[()] = (), *, kind: str = "list") -> None:
        super().__init__(items[:MAX_ITEMS])
        self.size = len(items)
        self.kind = kind

    def add(self, items: list[object]) -> None:
        """Append items; only the class is kept of instances after the first ones."""
        self.size += len(items)
        first = max(MAX_STATES - len(self), 0)
        super().extend(items[: max(0, MAX_ITEMS - len(self))])
        for each in items[first:]:
            if type(each) is Thing and type(each.state) is Entries:
                each.state = OPAQUE

    @property
    def is_whole(self) -> bool:
        """Whether all items were kept."""
        return self.size == len(self)


class Entries:
    """The first entries of a dict: those with texts as keys, the others, and the total number.

    Only texts are hashed: hashing values from a file could take forever.
    """

    __slots__ = ("named", "others", "size")

    def __init__(self) -> None:
        self.named: dict[str, object] = {}
        self.others: list[tuple[object, object]] = []
        self.size = 0

    def add(self, items: list[object]) -> None:
        """Add keys and values, which alternate."""
        self.size += len(items) // 2
        room = MAX_ITEMS - len(self.named) - len(self.others)
        for key, value in zip(items[: 2 * room : 2], items[1 : 2 * room : 2], strict=False):
            if isinstance(key, str):
                self.named[key] = value
            else:
                self.others.append((key, value))

    @property
    def is_whole(self) -> bool:
        """Whether all entries were kept."""
        return self.size == len(self.named) + len(self.others)

    def values(self) -> Iterator[object]:
        """Yield the values that were kept."""
        yield from self.named.values()
        yield from (value for _, value in self.others)


class Thing:
    """The result of a call: an instance of ``maker``, with its state."""

    __slots__ = ("args", "entries", "items", "maker", "state")

    def __init__(self, maker: object, args: tuple[object, ...] = ()) -> None:
        self.maker = maker
        self.args = args
        self.state: object = None
        self.items: Items | None = None
        self.entries: Entries | None = None

    def get(self, name: str) -> object:
        """Return an attribute; None if it does not exist, OPAQUE if it was not kept."""
        for part in self.state if isinstance(self.state, tuple) else (self.state,):
            if isinstance(part, Entries) and name in part.named:
                return part.named[name]
        return None

    def has(self, name: str) -> bool:
        """Return whether an attribute of this name exists."""
        parts = self.state if isinstance(self.state, tuple) else (self.state,)
        return any(isinstance(part, Entries) and name in part.named for part in parts)


class KnownDtype(Dtype):
    """A dtype in a file that was read before, so that its description is valid."""

    def _has_object_inside(self) -> bool:
        return bool(int(self._checked_state()[7]) & 1)  # type: ignore[call-overload] # checked

    @property
    def name(self) -> str:
        """The dtype's NumPy name, such as ``"int64"``, or ``""``."""
        try:
            kind, count = self.code
        except UndescribedError:
            return ""
        if kind in _NAMES:
            return "bool" if kind == "b" and count == 1 else f"{_NAMES[kind]}{count * _BITS}"
        return {"O": "object", "U": "str", "S": "bytes", "M": "datetime64"}.get(kind, "")

    @property
    def is_big_endian(self) -> bool:
        """Whether the most significant byte of an element comes first."""
        return isinstance(self.state, tuple) and self.state[1:2] == (">",)


@dataclass(frozen=True)
class Head:
    """The first bytes of a text, or of bytes, too long to keep."""

    data: bytes


@dataclass(frozen=True)
class Array:
    """A NumPy array; ``data`` are its bytes, its objects, or None if they were not kept."""

    shape: tuple[int, ...]
    dtype: KnownDtype
    data: bytes | Items | None = None

    @property
    def values(self) -> tuple[object, ...] | None:
        """The elements as plain values, if they were kept and have a plain type."""
        if isinstance(self.data, Items):
            return tuple(self.data) if self.data.is_whole else None
        return None if self.data is None else _decoded(self.dtype, self.data)


def as_array(shape: object, dtype: object, data: object) -> Array | None:
    """Return an array, if these describe one."""
    if not isinstance(shape, tuple):
        shape = (shape,)
    if not (isinstance(dtype, KnownDtype) and all(type(size) is int for size in shape)):
        return None
    kept = isinstance(data, Items) or (isinstance(data, bytes) and len(shape) < 2)  # noqa: PLR2004 - flat
    return Array(shape, dtype, data if kept else None)  # type: ignore[arg-type] # as just asked


def scalar_of(args: tuple[object, ...]) -> object:
    """Return the plain value of a NumPy scalar."""
    if len(args) == 2 and isinstance(args[0], KnownDtype) and isinstance(args[1], bytes):  # noqa: PLR2004 - dtype, bytes
        values = _decoded(args[0], args[1])
        return values[0] if values and len(values) == 1 else OPAQUE
    return OPAQUE


def _decoded(dtype: KnownDtype, data: bytes) -> tuple[object, ...] | None:
    try:
        kind, _ = dtype.code
        size = dtype.item_size_bytes
        if kind in "US":
            return _texts(kind, size, data, big=dtype.is_big_endian)
        letter = "?" if dtype.name == "bool" else _OF_NUMBERS[kind][size]
        order = ">" if dtype.is_big_endian else "<"
        return struct.unpack(f"{order}{len(data) // size}{letter}", data)
    except (UndescribedError, KeyError, ValueError, struct.error):
        return None


def _texts(kind: str, size: int, data: bytes, *, big: bool) -> tuple[str, ...] | None:
    if kind == "S" or not size or size % _UCS4_BYTES:
        return None
    encoding = "utf-32-be" if big else "utf-32-le"
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return tuple(piece.decode(encoding).rstrip("\0") for piece in pieces)


def values_of(value: object) -> list[object] | None:
    """Return the items of a list or array; None if it is neither, or was not fully kept."""
    if isinstance(value, Thing) and isinstance(value.state, Array):
        found = value.state.values
        return None if found is None else list(found)
    return list(value) if isinstance(value, Items) and value.is_whole else None


def pairs_in(items: object) -> list[tuple[object, object]]:
    """Return the pairs in a list, such as a name and a step; empty if it is not a list."""
    if not isinstance(items, Items):
        return []
    return [(each[0], each[1]) for each in items if isinstance(each, tuple) and len(each) == 2]  # noqa: PLR2004 - a pair


def class_of(value: object) -> str:
    """Return the full name of an instance's class, such as ``"builtins.dict"``, or ``""``."""
    if isinstance(value, Thing):
        maker = value.maker
        if isinstance(value.state, Array):
            return "numpy.ndarray"
        return maker.text if isinstance(maker, Name) else _own_class(maker)
    if isinstance(value, Items):
        return f"builtins.{value.kind}"
    if isinstance(value, Entries):
        return "builtins.dict"
    if isinstance(value, (Name, Head, KnownDtype)):
        return ""
    return "" if value is OPAQUE else f"{type(value).__module__}.{type(value).__qualname__}"


def _own_class(maker: object) -> str:
    """Return the name of a class that the file itself defines, as cloudpickle and dill do."""
    if not isinstance(maker, Thing):
        return ""
    named = [each for each in maker.args[:2] if isinstance(each, str)]
    return f"__main__.{named[0]}" if named else ""


def known_text(value: object) -> str | None:
    """Return a text that can be shown, and be a JSON key; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return value


def is_gap(value: object) -> bool:
    """Return whether a value represents a missing one."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_label(value: object) -> TypeGuard[str | int | float | bool]:
    """Return whether a value can be a label or a category, which are written as JSON."""
    if isinstance(value, str):
        return known_text(value) is not None and len(value) <= _MAX_LABEL
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
