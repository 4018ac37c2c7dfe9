"""Convert simdjson's view of numbers to arrays, as NumPy does."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from .binary import BadBody

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = [
    "SCALARS",
    "FallBack",
    "converted_array",
    "depth_of",
    "is_known_dtype",
    "numbers_reader",
    "owned_array",
    "shape_of",
]

SCALARS = frozenset({bool, float, int, str, type(None)})
_MOST_DIMENSIONS = 32
_WIDEST_BYTES = 8


class FallBack(Exception):  # noqa: N818 - not an error: the caller goes the long way
    """Only the slow path is certain to give the reference's result."""


def is_known_dtype(dtype: np.dtype[Any]) -> bool:
    """Return whether this module reads numbers of a dtype."""
    return dtype.kind in "fiu" and dtype.itemsize <= _WIDEST_BYTES


def shape_of(array: Any, ndim: int) -> tuple[tuple[int, ...], int]:
    """Return the shape of nested lists, and their number.

    This only checks that the lists of one level have equal lengths: any other deviation from nested
    lists of numbers is found when the numbers are read, or the brackets are counted.
    """
    if ndim == 1:
        return (len(array),), 1
    if ndim == 2:  # noqa: PLR2004 - the same as below, for the shape that nearly all bodies have
        if len(array) == 1:
            return (1, len(array[0])), 2
        lengths = list(map(len, array))
        if lengths.count(lengths[0]) != len(lengths):
            raise FallBack
        return (len(lengths), lengths[0]), 1 + len(lengths)
    inner = [shape_of(each, ndim - 1) for each in array]
    if inner.count(inner[0]) != len(inner):
        raise FallBack
    shape, brackets = inner[0]
    return (len(inner), *shape), 1 + brackets * len(inner)


def depth_of(array: Any) -> int:
    """Return the nesting depth of the first number."""
    depth = 1
    while type(array := array[0]) not in SCALARS:
        depth += 1
        if depth == _MOST_DIMENSIONS:
            raise FallBack
    return depth


def numbers_reader(dtype: np.dtype[Any] | None) -> Callable[[Any], Numbers]:
    """Return a function from nested lists to a flat array, like ``numpy.array(…, dtype)``."""
    import numpy as np

    if dtype is None:
        return _inferred
    if dtype == np.float64 and dtype.isnative:
        return partial(_floats, frombuffer=np.frombuffer)
    if dtype.kind == "f":
        return partial(_narrow_floats, dtype=dtype)
    return partial(_integers, dtype=dtype)


def _floats(array: Any, *, frombuffer: Callable[[Any], Numbers]) -> Numbers:
    return frombuffer(array.as_buffer(of_type="d"))


def _narrow_floats(array: Any, *, dtype: np.dtype[Any]) -> Numbers:
    import numpy as np

    # NumPy warns if a number is too large; that is left to the slow path.
    with np.errstate(over="raise"):
        return np.frombuffer(array.as_buffer(of_type="d")).astype(dtype)


def _integers(array: Any, *, dtype: np.dtype[Any]) -> Numbers:
    import numpy as np

    if dtype.kind == "u":
        numbers = np.frombuffer(array.as_buffer(of_type="u"), np.uint64)
    else:
        numbers = np.frombuffer(array.as_buffer(of_type="i"), np.int64)
    return numbers if numbers.dtype == dtype else converted_array(numbers, dtype)


def _inferred(array: Any) -> Numbers:
    import numpy as np

    try:
        return np.frombuffer(array.as_buffer(of_type="i"), np.int64)
    except TypeError:  # a fraction, or not a number; an integer that is too large is a ValueError
        return np.frombuffer(array.as_buffer(of_type="d"))


def converted_array(array: Numbers, dtype: np.dtype[Any]) -> Numbers:
    """Return the same as ``numpy.array(array.tolist(), dtype)``."""
    import numpy as np

    if dtype.kind in "iu":
        _require_range(array, dtype)
        return array.astype(dtype, order="C")
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)  # Python converts integers to floats through a double
    with np.errstate(over="ignore"):
        return array.astype(dtype, order="C")


def _require_range(array: Numbers, dtype: np.dtype[Any]) -> None:
    import numpy as np

    if not array.size or array.dtype.kind == "b":
        return
    limits = np.iinfo(dtype)
    try:
        lowest, highest = math.trunc(array.min().item()), math.trunc(array.max().item())
    except (OverflowError, ValueError):
        raise BadBody(400, f"NaN and infinity cannot be numbers of the type {dtype}.") from None
    if lowest < limits.min or highest > limits.max:
        found = f"{lowest} to {highest}"
        raise BadBody(400, f"Numbers from {found} do not fit the type {dtype}.")


def owned_array(array: Numbers) -> Numbers:
    """Return an array that run() may write to."""
    return array if array.flags.c_contiguous and array.flags.writeable else array.copy(order="C")
