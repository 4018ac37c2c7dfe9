"""Build the object tree of a pickle with a complete passport.

The machine of the passport records the effects of loading, and keeps almost no values. This one
records no effects, and keeps the values that describe how a model is used. It only runs on request,
for files that the other machine has read completely; it also imports and calls nothing.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.sources._arrays import raw_size_bytes
from modelship.sources._inert import Machine
from modelship.sources._kinds import OPAQUE
from modelship.sources._loop import ACTIONS
from modelship.sources._stream import UndescribedError
from modelship.sources._tree import (
    MAX_ITEMS,
    Array,
    Entries,
    Head,
    Items,
    KnownDtype,
    Thing,
    as_array,
    scalar_of,
)
from modelship.sources._values import Findings, Name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelship.sources._stream import ByteStream

__all__ = ["TreeMachine"]

MAX_RAW_BYTES: Final = 256 * 1024  # of one text or array,
MAX_ALL_RAW_BYTES: Final = 16 * 2**20  # and of all that are kept
MAX_ALL_ITEMS: Final = 4_000_000
HEAD_BYTES: Final = 64 * 1024
_MEMOIZED_BYTES: Final = 64  # Python has only one object for each text of a single byte
_STORES: Final = b"\x94qr"
_CORES: Final = ("core", "_core")
_RECONSTRUCT: Final = frozenset(f"numpy.{core}.multiarray._reconstruct" for core in _CORES)
_FROM_BUFFER: Final = frozenset(f"numpy.{core}.numeric._frombuffer" for core in _CORES)
_SCALAR: Final = frozenset(f"numpy.{core}.multiarray.scalar" for core in _CORES)
_WRAPPERS: Final = frozenset(
    (
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper",
    )
)
_BYTES_OF_TEXT: Final = frozenset(("_codecs.encode", "codecs.encode"))
_DILL_ARRAY: Final = "dill._dill._create_array"


@dataclass
class Room:
    """The remaining limits on the bytes of texts and arrays, and on the items of containers."""

    left_bytes: int = MAX_ALL_RAW_BYTES
    left_items: int = MAX_ALL_ITEMS

    def take(self, size_bytes: int) -> bool:
        """Reserve `size_bytes` if the limits allow it; return whether they do."""
        if size_bytes > min(MAX_RAW_BYTES, self.left_bytes):
            return False
        self.left_bytes -= size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Release `size_bytes` that were dropped."""
        self.left_bytes += size_bytes


class TreeMachine(Machine):
    """The inert machine, which keeps the values that the other one only records."""

    keeps_floats = True

    def __init__(
        self, stream: ByteStream, *, arrays: bool = True, room: Room | None = None
    ) -> None:
        super().__init__(stream, Findings(), arrays=arrays)
        self.actions = _ACTIONS
        self.room = room or Room()

    def read_tree(self) -> object:
        """Read one pickle, and return its object."""
        while not self.run_some():
            self.check_limits()
        return self.stack.pop()

    def check_limits(self) -> None:
        super().check_limits()
        if self.room.left_items < 0:
            raise UndescribedError("it has more parts than the limit")

    # --- values ---------------------------------------------------------------------------

    def push_text(self, size_bytes: int, encoding: str = "utf-8") -> None:
        if size_bytes <= _MEMOIZED_BYTES or self.room.take(size_bytes):
            text = self.read_all(size_bytes)
            self.push(text.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict"))
        else:
            self.push_head(size_bytes)

    def push_bytes(self, size_bytes: int) -> None:
        """Push bytes; long ones are not kept in the memo, where they are not used."""
        if size_bytes <= _MEMOIZED_BYTES:
            self.push(self.stream.read(size_bytes))
        elif self.room.take(size_bytes):
            data = self.read_all(size_bytes)
            self.push_opaque()
            if (following := self.stream.peek(1)) and following in _STORES:
                ACTIONS[self.stream.unsigned(1)](self)
            self.stack[-1] = data
        else:
            self.push_head(size_bytes)

    def push_head(self, size_bytes: int) -> None:
        """Keep the start of a value that is too long to keep."""
        head = (
            self.stream.read(HEAD_BYTES) if size_bytes > HEAD_BYTES < self.room.left_bytes else b""
        )
        self.stream.skip(size_bytes - len(head))
        if self.room.take(len(head)):
            self.push(Head(head))

    def read_all(self, size_bytes: int) -> bytes:
        return self.stream.read(size_bytes)

    def push_float_line(self) -> None:
        line = self.stream.line(_MEMOIZED_BYTES)
        with suppress(ValueError):
            return self.push(float(line or b""))
        return self.push_opaque()

    # --- containers -----------------------------------------------------------------------

    def push_items(self, kind: str, items: list[object] | None = None) -> None:
        self.push(Items(items or (), kind=kind))

    def push_tuple(self, items: list[object]) -> None:
        self.room.left_items -= len(items)
        self.push(tuple(items) if len(items) <= MAX_ITEMS else OPAQUE)

    def push_dict(self, items: list[object]) -> None:
        self.room.left_items -= len(items)
        entries = Entries()
        entries.add(items)
        self.push(entries)

    def set_items(self, items: list[object]) -> None:
        self.room.left_items -= len(items)
        target = self.stack[-1]
        if isinstance(target, Thing):
            target.entries = target.entries or Entries()
            target = target.entries
        if isinstance(target, Entries):
            target.add(items)

    def give_members(self, target: object, items: list[object]) -> None:
        self.room.left_items -= len(items)
        if isinstance(target, Thing):
            target.items = target.items or Items()
            target = target.items
        if isinstance(target, Items):
            target.add(items)

    def use_as_keys(self, keys: list[object]) -> None:
        """Do nothing: the other machine has checked the keys."""

    # --- classes and instances -------------------------------------------------------------

    def name(self, module: object, name: object) -> object:
        if not (isinstance(module, str) and isinstance(name, str)):
            return OPAQUE
        text = self.full_name(module, name)
        return self.findings.named(text) if text.isprintable() else OPAQUE

    def made(self, maker: object, args: object, *, new: bool = False) -> object:
        self.stream.budget.take_time()
        if not isinstance(args, tuple) or not isinstance(maker, (Name, Thing)):
            return OPAQUE
        if isinstance(maker, Name) and not new:
            return self.called(maker, args)
        return Thing(maker, args)

    def called(self, maker: Name, args: tuple[object, ...]) -> object:
        text = maker.text
        if text in ("copyreg._reconstructor", "copyreg.__newobj__") and args:
            return self.made(args[0], args[1:] if text.endswith("__") else (), new=True)
        if text == "numpy.dtype":
            return KnownDtype(args)
        if text in _SCALAR:
            return scalar_of(args)
        if text in _BYTES_OF_TEXT:
            return _bytes_of(args)
        made = Thing(maker, args)
        if text in _FROM_BUFFER:
            data, dtype, shape = (*args, None, None, None)[:3]
            made.state = self.array_of(shape, dtype, data)
        elif text == _DILL_ARRAY and len(args) > 2:  # noqa: PLR2004 - maker, its arguments, state
            made.state = self.array_of_state(args[2])
        return made

    def create_with_keywords(self) -> None:
        _, args = self.stack.pop(), self.stack.pop()
        self.push(self.made(self.stack.pop(), args, new=True))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, KnownDtype):
            target.build(state)
        elif isinstance(target, Thing):
            name = target.maker.text if isinstance(target.maker, Name) else ""
            if self.arrays and name in _WRAPPERS:
                target.state = self.array_in_file(state)
            elif name in _RECONSTRUCT:
                target.state = self.array_of_state(state)
            else:
                target.state = state

    # --- arrays ----------------------------------------------------------------------------

    def array_of_state(self, state: object) -> Array | None:
        """Return the array for a state in the format of ``ndarray.__reduce__``."""
        if not isinstance(state, tuple) or len(state) != 5:  # noqa: PLR2004 - as NumPy writes it
            return None
        _, shape, dtype, _, data = state
        return self.array_of(shape, dtype, data)

    def array_of(self, shape: object, dtype: object, data: object) -> Array | None:
        array = as_array(shape, dtype, data)
        if isinstance(data, Head):
            self.room.give_back(len(data.data))
        elif isinstance(data, bytes) and (array is None or array.data is None):
            self.room.give_back(len(data))
        return array

    def array_in_file(self, state: object) -> Array | None:
        """Read an array whose bytes joblib wrote after its description."""
        named = state.named if isinstance(state, Entries) else {}
        dtype, shape = named.get("dtype"), named.get("shape")
        if not isinstance(dtype, KnownDtype):
            raise UndescribedError("it has an array of an unknown type")
        if dtype.layout[0]:
            inner = TreeMachine(self.stream, arrays=False, room=self.room).read_tree()
            return (
                inner.state if isinstance(inner, Thing) and isinstance(inner.state, Array) else None
            )
        size_bytes = raw_size_bytes(dtype, shape)
        if named.get("numpy_array_alignment_bytes") is not None:
            self.stream.skip(self.stream.unsigned(1))
        if len(shape) < 2 and self.room.take(size_bytes):  # type: ignore[arg-type] # noqa: PLR2004 - a tuple, flat
            return as_array(shape, dtype, self.read_all(size_bytes))
        self.stream.skip(size_bytes)
        return as_array(shape, dtype, None)


def _bytes_of(args: tuple[object, ...]) -> object:
    """Return bytes that protocols before 3 write as a text."""
    if args[1:] == ("latin1",) and isinstance(args[0], str):
        with suppress(UnicodeEncodeError):
            return args[0].encode("latin-1")
    return OPAQUE


_OWN: Final[Mapping[bytes, Callable[[TreeMachine], object]]] = {
    b"}": lambda m: m.push(Entries()),
    b"]": lambda m: m.push_items("list"),
    b"\x8f": lambda m: m.push_items("set"),
    b"l": lambda m: m.push_items("list", m.pop_mark()),
    b"\x91": lambda m: m.push_items("frozenset", m.pop_mark()),
    b"F": lambda m: m.push_float_line(),
    b"G": lambda m: m.push(struct.unpack(">d", m.stream.read(8))[0]),
    b"B": lambda m: m.push_bytes(m.stream.unsigned(4)),
    b"C": lambda m: m.push_bytes(m.stream.unsigned(1)),
    b"\x8e": lambda m: m.push_bytes(m.stream.unsigned(8)),
    b"\x96": lambda m: m.push_bytes(m.stream.unsigned(8)),
}
_ACTIONS: Final[Mapping[int, Callable[[TreeMachine], object]]] = {
    **ACTIONS,
    **{opcode[0]: action for opcode, action in _OWN.items()},
}
