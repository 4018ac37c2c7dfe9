"""Convert parsed JSON values to arguments of run(), as inference-schema does.

A reader takes what simdjson shows of a value, and returns the argument together with the number of
lists that it was made of; who reads the whole body compares that with the number of opening
brackets in it, so that no list is overlooked. Whatever a reader does not know, it refuses by an
exception of any type: the long way then has the say.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from .binary import BadBody

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = ["FallBack", "NumbersReader", "ObjectReader", "RawReader", "Reader", "reader_of"]

_SCALARS = frozenset({bool, float, int, str, type(None)})
_MOST_KEYS = 64
_MOST_DIMENSIONS = 32
_WIDEST_BYTES = 8


class FallBack(Exception):  # noqa: N818 - not an error: the caller goes the long way
    """Only the long way is certain to give the reference's answer."""


class Reader(ABC):
    """How one parameter is read.

    Attributes
    ----------
    holds_array : bool
        Whether an array is, or is inside of, what it reads.
    """

    holds_array = False

    @abstractmethod
    def read(self, element: Any) -> tuple[Any, int]:
        """Return the argument, and the number of lists in `element`.

        Raises
        ------
        Exception
            Of any type, if `element` is not plainly what is expected.
        """

    @abstractmethod
    def leaves(self, default: Any) -> bool:
        """Return whether inference-schema would pass `default` to run() as it is."""


class RawReader(Reader):
    """A scalar that is passed on as JSON has it, such as of a parameter without a type."""

    def read(self, element: Any) -> tuple[Any, int]:
        if type(element) not in _SCALARS:
            raise FallBack
        return element, 0

    def leaves(self, default: Any) -> bool:
        return default is not inspect.Parameter.empty


class _ScalarReader(Reader):
    """A scalar of a declared type."""

    def __init__(self, kind: type) -> None:
        # inference-schema lets integers stand for floats, and Python lets booleans for integers.
        self._kinds = {float: (float, int), int: (int, bool)}.get(kind, (kind,))
        self._kind = kind

    def read(self, element: Any) -> tuple[Any, int]:
        if type(element) not in self._kinds:
            raise FallBack
        return element, 0

    def leaves(self, default: Any) -> bool:
        return isinstance(default, self._kind)


class _OptionalReader(Reader):
    """A parameter declared as optional: what is false goes to run() as it is."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.holds_array = reader.holds_array

    def read(self, element: Any) -> tuple[Any, int]:
        if type(element) in _SCALARS and not element:
            return element, 0
        return self._reader.read(element)

    def leaves(self, default: Any) -> bool:
        return (type(default) in _SCALARS and not default) or self._reader.leaves(default)


class ObjectReader(Reader):
    """An object some of whose values have a declared type."""

    def __init__(self, readers: dict[str, Reader]) -> None:
        self._readers = readers
        self._raw = RawReader()
        self.holds_array = any(each.holds_array for each in readers.values())

    def read(self, element: Any) -> tuple[Any, int]:
        if not hasattr(element, "as_dict") or len(element) > _MOST_KEYS:
            raise FallBack
        found, brackets = {}, 0
        for key in element:
            found[key], seen = self._readers.get(key, self._raw).read(element[key])
            brackets += seen
        if len(found) != len(
            element
        ):  # of equal keys the last counts, and simdjson finds the first
            raise FallBack
        return found, brackets

    def leaves(self, default: Any) -> bool:  # noqa: ARG002 - it is converted, whatever it is
        return False


class NumbersReader(Reader):
    """An array of numbers.

    Parameters
    ----------
    dtype : numpy.dtype, optional
        What every array is converted to. Without it JSON's numbers become what NumPy makes of
        them, and binary arrays stay what they are.
    shape : tuple of int, optional
        What every array has to be like in all but the first dimension.
    """

    holds_array = True

    def __init__(self, dtype: np.dtype[Any] | None, shape: tuple[int, ...] | None) -> None:
        self.ndim = None if shape is None else len(shape)
        self._tail = None if shape is None else shape[1:]
        self._dtype = dtype
        self._numbers = _numbers_reader(dtype)

    def read(self, element: Any) -> tuple[Any, int]:
        shape, brackets = _shape(element, self.ndim or _depth(element))
        if self._tail is not None and shape[1:] != self._tail:
            raise FallBack
        if 0 in shape:  # NumPy has its own mind about the shape and type of what is empty
            raise FallBack
        return self._numbers(element).reshape(shape), brackets

    def leaves(self, default: Any) -> bool:
        import numpy as np

        return isinstance(default, np.ndarray)

    def checked(self, array: Numbers) -> Numbers:
        """Return an array from a binary body as it would have come from JSON.

        Raises
        ------
        BadBody
            If it has another shape than run() takes, or numbers that its dtype cannot hold.
        """
        self._require_shape(array.shape)
        if self._dtype is None or self._dtype == array.dtype:
            return _owned(array)
        return _converted(array, self._dtype)

    def _require_shape(self, shape: tuple[int, ...]) -> None:
        """Raise BadBody in inference-schema's words."""
        if self._tail is None or (len(shape) == self.ndim and shape[1:] == self._tail):
            return
        if len(shape) != self.ndim:
            raise BadBody(
                400,
                f"Invalid input array: an array with {self.ndim} dimensions is expected; "
                f"input has {len(shape)} [shape {shape}]",
            )
        at = next(i for i, size in enumerate(self._tail, start=1) if shape[i] != size)
        raise BadBody(
            400,
            f"Invalid input array: array has size {shape[at]} on dimension #{at}, "
            f"while expected value is {self._tail[at - 1]}",
        )


def reader_of(kind: Any, *, is_optional: bool = False) -> Reader | None:
    """Return how to read what inference-schema declares as `kind`, or None if we cannot.

    Parameters
    ----------
    kind : AbstractParameterType
        inference-schema's description of a parameter. Types derived from its own are not known.
    is_optional : bool
        Whether what is false goes to run() as it is.
    """
    from inference_schema.parameter_types.numpy_parameter_type import (
        NumpyParameterType,
    )
    from inference_schema.parameter_types.standard_py_parameter_type import (
        StandardPythonParameterType,
    )

    reader: Reader | None = None
    if type(kind) is NumpyParameterType:
        reader = _array_reader(kind)
    elif type(kind) is StandardPythonParameterType:
        if kind.sample_data_type in {bool, float, int, str}:
            reader = _ScalarReader(kind.sample_data_type)
        elif kind.sample_data_type is dict:
            reader = _object_reader(kind.sample_data_type_map)
    return _OptionalReader(reader) if reader is not None and is_optional else reader


def _array_reader(kind: Any) -> NumbersReader | None:
    sample = kind.sample_input
    dtype = sample.dtype if kind.enforce_column_type else None
    shape = sample.shape if kind.enforce_shape else None
    if shape == () or (dtype is not None and not _is_known(dtype)):
        return None
    return NumbersReader(dtype, shape)


def _object_reader(kinds: dict[str, Any]) -> ObjectReader | None:
    readers = {name: reader_of(kind) for name, kind in kinds.items()}
    known = {name: reader for name, reader in readers.items() if reader is not None}
    return ObjectReader(known) if known.keys() == readers.keys() else None


def _is_known(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fiu" and dtype.itemsize <= _WIDEST_BYTES


def _shape(array: Any, ndim: int) -> tuple[tuple[int, ...], int]:
    """Return the shape of lists in lists, and their number.

    Only that the lists of one level are equally long is looked at: what else is not a list of
    lists of numbers is found by who reads the numbers, or counts the brackets.
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
    inner = [_shape(each, ndim - 1) for each in array]
    if inner.count(inner[0]) != len(inner):
        raise FallBack
    shape, brackets = inner[0]
    return (len(inner), *shape), 1 + brackets * len(inner)


def _depth(array: Any) -> int:
    depth = 1
    while type(array := array[0]) not in _SCALARS:
        depth += 1
        if depth == _MOST_DIMENSIONS:
            raise FallBack
    return depth


def _numbers_reader(dtype: np.dtype[Any] | None) -> Callable[[Any], Numbers]:
    """Return what turns nested lists into one flat array, as ``numpy.array(…, dtype)`` would."""
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

    # Where a number is too large, NumPy warns; that is the long way's to do.
    with np.errstate(over="raise"):
        return np.frombuffer(array.as_buffer(of_type="d")).astype(dtype)


def _integers(array: Any, *, dtype: np.dtype[Any]) -> Numbers:
    import numpy as np

    if dtype.kind == "u":
        numbers = np.frombuffer(array.as_buffer(of_type="u"), np.uint64)
    else:
        numbers = np.frombuffer(array.as_buffer(of_type="i"), np.int64)
    return numbers if numbers.dtype == dtype else _converted(numbers, dtype)


def _inferred(array: Any) -> Numbers:
    import numpy as np

    try:
        return np.frombuffer(array.as_buffer(of_type="i"), np.int64)
    except TypeError:  # a fraction among them, or no number; too large a one is a ValueError
        return np.frombuffer(array.as_buffer(of_type="d"))


def _converted(array: Numbers, dtype: np.dtype[Any]) -> Numbers:
    """Return `array` as ``numpy.array(array.tolist(), dtype)`` would make it."""
    import numpy as np

    if dtype.kind in "iu":
        _require_range(array, dtype)
        return array.astype(dtype, order="C")
    if array.dtype.kind in "iu":
        array = array.astype(np.float64)  # Python's integers become floats through a double
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


def _owned(array: Numbers) -> Numbers:
    """Return an array that run() may write to."""
    return array if array.flags.c_contiguous and array.flags.writeable else array.copy(order="C")
