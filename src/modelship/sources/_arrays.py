"""How many raw bytes an array takes that joblib wrote between two pickle instructions.

joblib pickles a ``NumpyArrayWrapper`` in the place of each array and lets the
array's bytes follow (joblib/numpy_pickle.py, ``NumpyArrayWrapper.read_array``).
NumPy is not needed to count them: a dtype pickles as a code such as ``"f8"``
and a state tuple (``arraydescr_reduce`` in NumPy's ``descriptor.c``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from modelship.sources._stream import MalformedError, UndescribedError

__all__ = ["Dtype", "raw_size_bytes"]

# Places in the state: (version, byte order, subdtype, names, fields, item size, alignment, flags).
_ITEM_SIZE: Final = 5
_FLAGS: Final = 7
_HAS_OBJECT: Final = 0x01  # NPY_ITEM_REFCOUNT
_UCS4_BYTES: Final = 4
_FLEXIBLE: Final = "USVa"


@dataclass
class Dtype:
    """A pickled ``numpy.dtype``: what it was made from, and the state it was given."""

    args: object
    state: object = None

    @property
    def code(self) -> str:
        """The type code, such as ``"f8"``."""
        if isinstance(self.args, tuple) and self.args and isinstance(self.args[0], str):
            return self.args[0]
        raise UndescribedError("it has an array of an unknown type")

    @property
    def has_object(self) -> bool:
        """Whether the elements are Python objects, or hold some."""
        flags = self._in_state(_FLAGS)
        return self.code.startswith("O") or bool(flags and flags & _HAS_OBJECT)

    @property
    def item_size_bytes(self) -> int:
        """The size of one element."""
        match = re.fullmatch(r"[<>|=]?([A-Za-z?])([0-9]{1,9})", self.code)
        if match is None:
            raise UndescribedError(f"it has an array of the unknown type {self.code!r}")
        size = self._in_state(_ITEM_SIZE)
        # NumPy takes it from the state for these alone (``arraydescr_setstate``), and whoever
        # believes it for a number as well passes over instructions that are carried out.
        if match[1] in _FLEXIBLE and size is not None and size >= 0:
            return size
        count = int(match[2])
        return count * _UCS4_BYTES if match[1] == "U" else count

    def _in_state(self, place: int) -> int | None:
        if isinstance(self.state, tuple) and len(self.state) > place:
            value = self.state[place]
            return value if isinstance(value, int) else None
        return None


def raw_size_bytes(dtype: Dtype, shape: object) -> int:
    """Return the size of an array of plain values."""
    if not isinstance(shape, tuple):
        raise UndescribedError("it has an array of an unknown shape")
    sizes = [size for size in shape if isinstance(size, int)]
    if len(sizes) != len(shape):
        raise UndescribedError("it has an array of an unknown shape")
    if any(size < 0 for size in sizes):
        raise MalformedError(f"it has an array of the impossible shape {shape}")
    return math.prod(sizes) * dtype.item_size_bytes
