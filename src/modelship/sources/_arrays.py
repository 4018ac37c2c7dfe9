"""Compute the size of arrays that joblib wrote between two pickle instructions.

joblib pickles a ``NumpyArrayWrapper`` in place of each array, followed by the bytes of the array
(joblib/numpy_pickle.py, ``NumpyArrayWrapper.read_array``). Their number can be computed without
NumPy: a dtype is pickled as a code such as ``"f8"`` and a state tuple (``arraydescr_reduce`` in
NumPy's ``descriptor.c``).

A reader that computes another size than joblib skips instructions that joblib executes. So anything
that differs from the exact output of joblib and NumPy raises UndescribedError.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, NoReturn

from modelship.sources._keys import FILE_KEYS, WRAPPER_KEYS
from modelship.sources._stream import MalformedError, UndescribedError
from modelship.sources._values import Name, State

__all__ = ["Dtype", "Wrapper", "checked_state", "file_of", "raw_size_bytes"]

_CODE: Final = re.compile(r"([?bBhHiIlLqQefdgFDGSUVOMmuc])([0-9]{1,9})")
_UCS4_BYTES: Final = 4
_FLEXIBLE: Final = "SUV"
_OWN_SIZE: Final = -1  # the value in place of an item size in the state of a plain type
_VERSIONS: Final = {3: 8, 4: 9}  # the version of the state, and its length
_HAS_OBJECT: Final = 0x01  # NPY_ITEM_REFCOUNT
_ORDERS: Final = ("<", ">", "=", "|")
_MAX_BYTES: Final = 2**63
_PLAIN_ARRAYS: Final = frozenset(
    (
        *("numpy.ndarray", "numpy.matrix", "numpy.memmap", "numpy.matrixlib.defmatrix.matrix"),
        *("numpy.core.memmap.memmap", "numpy._core.memmap.memmap"),
    )
)


@dataclass(eq=False)
class Dtype:
    """A pickled ``numpy.dtype``: the arguments of its constructor, and its state."""

    args: object
    state: object = None
    changed: bool = False
    _layout: tuple[bool, int] | None = None

    def build(self, state: object) -> None:
        """Set the state; a second call marks the dtype as changed."""
        self.changed |= self.state is not None
        self.state = state
        self._layout = None

    @property
    def has_plain_code(self) -> bool:
        """Whether the elements are not Python objects by their code, or the code is unknown."""
        try:
            return self.code[0] != "O"
        except UndescribedError:
            return True  # a type of another library

    @property
    def is_forged(self) -> bool:
        """Whether the state and the code disagree on whether the elements are objects.

        NumPy then interprets raw bytes as the addresses of objects.
        """
        if self.changed:
            return True
        try:
            _ = self.code
        except UndescribedError:
            return False  # a type of another library
        try:
            _ = self.has_object
        except UndescribedError:
            return True
        return False

    @property
    def layout(self) -> tuple[bool, int]:
        """Whether the elements are, or contain, Python objects; and the size of one, else 0."""
        if self._layout is None:
            has_object = self.has_object
            self._layout = has_object, 0 if has_object else self.item_size_bytes
        return self._layout

    @property
    def code(self) -> tuple[str, int]:
        """The kind letter and the number after it, such as ``("f", 8)``."""
        first, *flags = self.args if isinstance(self.args, tuple) and self.args else (None,)
        if isinstance(first, Name) and first.text == "numpy.record":
            first = "V0"  # its size is in the state
        match = _CODE.fullmatch(first) if isinstance(first, str) else None
        if self.changed or match is None or any(type(flag) not in (bool, int) for flag in flags):
            _unknown("type")
        return match[1], int(match[2])

    @property
    def has_object(self) -> bool:
        """Whether the elements are Python objects, or contain some."""
        kind, _ = self.code
        if self.state is None:
            return kind == "O"
        flags = self._checked_state()[7]
        has_object = bool(flags & _HAS_OBJECT) if isinstance(flags, int) else _unknown("type")
        if has_object != (kind == "O" or (kind == "V" and self._has_object_inside())):
            _unknown("type")
        return has_object

    @property
    def item_size_bytes(self) -> int:
        """The size of one element."""
        kind, count = self.code
        size = count * _UCS4_BYTES if kind == "U" else count
        if self.state is None:
            return size
        state = self._checked_state()
        in_state = state[5] if state[2] is None else None  # else the elements are arrays
        # NumPy reads the size from the state only for these kinds (``arraydescr_setstate``).
        if kind not in _FLEXIBLE:
            return size if in_state == _OWN_SIZE else _unknown("type")
        if type(in_state) is not int or in_state < 0 or (size and in_state != size):
            _unknown("type")
        return in_state

    def _checked_state(self) -> tuple[object, ...]:
        """Return the state if it is in a format of NumPy 1.5 or later."""
        state = self.state
        if not isinstance(state, tuple) or not state or type(state[0]) is not int:
            _unknown("type")
        _, *rest = state
        if len(state) != _VERSIONS.get(state[0]) or rest[0] not in _ORDERS:
            _unknown("type")
        if any(type(each) is not int for each in state[5:8]):
            _unknown("type")
        if (state[3] is None) != (state[4] is None):
            _unknown("type")
        return state

    def _has_object_inside(self) -> bool:
        """Return whether fields contain objects; raise UndescribedError if some were not kept."""
        subarray, names, fields = self._checked_state()[2:5]
        if isinstance(subarray, tuple) and subarray and isinstance(subarray[0], Dtype):
            return subarray[0].has_object
        if names is None and subarray is None:
            return False
        if not isinstance(names, tuple) or not isinstance(fields, State) or fields.opaque:
            _unknown("type")
        inner = [each[0] for each in fields.tuples if each]
        if len(inner) != len(names) or not all(isinstance(each, Dtype) for each in inner):
            _unknown("type")
        return any(isinstance(each, Dtype) and each.has_object for each in inner)


@dataclass(eq=False, kw_only=True)
class Wrapper:
    """A joblib wrapper without its state; ``in_file`` is True if its array is in a separate file.

    It is ``usable`` if it was created without a constructor, until it gets its state.
    """

    in_file: bool
    usable: bool


def checked_state(state: object) -> tuple[Dtype, object, bool]:
    """Return the dtype and the shape of a wrapper, and whether padding precedes the bytes."""
    state = _known_state(state, WRAPPER_KEYS)
    padding = state.get("numpy_array_alignment_bytes")
    subclass, dtype = state.get("subclass"), state.get("dtype")
    if (
        not (isinstance(subclass, Name) and subclass.text in _PLAIN_ARRAYS)
        or state.get("order") not in ("C", "F")
        or type(state.get("allow_mmap")) is not bool
        or type(padding) not in (int, type(None))
    ):
        _unknown("description")
    if not isinstance(dtype, Dtype):
        _unknown("type")
    return dtype, state.get("shape"), padding is not None


def file_of(state: object) -> str:
    """Return the name of the separate file with an array (joblib before 0.10)."""
    name = _known_state(state, FILE_KEYS).get("filename")
    return name if isinstance(name, str) and name else _unknown("description")


def _known_state(state: object, keys: frozenset[str]) -> State:
    if not isinstance(state, State) or state.more or state.opaque or state.twice:
        _unknown("description")
    return state if state.keys() <= keys else _unknown("description")


def raw_size_bytes(dtype: Dtype, shape: object) -> int:
    """Return the size of an array of plain values."""
    if not isinstance(shape, tuple) or any(type(size) is not int for size in shape):
        _unknown("shape")
    if any(size < 0 for size in shape):
        raise MalformedError(f"it has an array of the impossible shape {shape}")
    size_bytes = math.prod(shape) * dtype.layout[1]
    if max((size_bytes, *shape)) >= _MAX_BYTES:
        _unknown("shape")
    return size_bytes


def _unknown(what: str) -> NoReturn:
    raise UndescribedError(f"it has an array of an unknown {what}")
