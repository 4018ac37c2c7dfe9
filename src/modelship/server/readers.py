"""Convert parsed JSON values to arguments of run(), as inference-schema does.

A reader takes simdjson's view of a value, and returns the argument together with the number of
lists that it was made of; the reader of the whole body compares that with its number of opening
brackets, so that no list is overlooked. A reader rejects unknown values by an exception of any
type: the slow path then handles them.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .binary import BadBody
from .number_arrays import (
    SCALARS,
    FallBack,
    converted_array,
    depth_of,
    is_known_dtype,
    numbers_reader,
    owned_array,
    shape_of,
)

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

__all__ = ["FallBack", "NumbersReader", "ObjectReader", "RawReader", "Reader", "reader_of"]

_MOST_KEYS = 64


class Reader(ABC):
    """How one parameter is read.

    Attributes
    ----------
    holds_array : bool
        Whether the argument is, or contains, an array.
    """

    holds_array = False

    @abstractmethod
    def read(self, element: Any) -> tuple[Any, int]:
        """Return the argument, and the number of lists in `element`.

        Raises
        ------
        Exception
            Of any type, if `element` is not clearly the expected value.
        """

    @abstractmethod
    def leaves(self, default: Any) -> bool:
        """Return whether inference-schema would pass `default` to run() unchanged."""


class RawReader(Reader):
    """A scalar that is passed on as parsed, such as that of a parameter without a type."""

    def read(self, element: Any) -> tuple[Any, int]:
        if type(element) not in SCALARS:
            raise FallBack
        return element, 0

    def leaves(self, default: Any) -> bool:
        return default is not inspect.Parameter.empty


class _ScalarReader(Reader):
    """A scalar of a declared type."""

    def __init__(self, kind: type) -> None:
        # inference-schema accepts integers as floats, and Python accepts booleans as integers.
        self._kinds = {float: (float, int), int: (int, bool)}.get(kind, (kind,))
        self._kind = kind

    def read(self, element: Any) -> tuple[Any, int]:
        if type(element) not in self._kinds:
            raise FallBack
        return element, 0

    def leaves(self, default: Any) -> bool:
        return isinstance(default, self._kind)


class _OptionalReader(Reader):
    """A parameter declared as optional: falsy values go to run() unchanged."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.holds_array = reader.holds_array

    def read(self, element: Any) -> tuple[Any, int]:
        if type(element) in SCALARS and not element:
            return element, 0
        return self._reader.read(element)

    def leaves(self, default: Any) -> bool:
        return (type(default) in SCALARS and not default) or self._reader.leaves(default)


class ObjectReader(Reader):
    """An object with declared types for some of its values."""

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
        ):  # the last of equal keys counts, but simdjson finds the first
            raise FallBack
        return found, brackets

    def leaves(self, default: Any) -> bool:  # noqa: ARG002 - it is converted, whatever it is
        return False


class NumbersReader(Reader):
    """An array of numbers.

    Parameters
    ----------
    dtype : numpy.dtype, optional
        The dtype that every array is converted to. Without it NumPy infers the dtype of JSON
        numbers, and binary arrays are unchanged.
    shape : tuple of int, optional
        The shape that every array must have in all but the first dimension.
    """

    holds_array = True

    def __init__(self, dtype: np.dtype[Any] | None, shape: tuple[int, ...] | None) -> None:
        self.ndim = None if shape is None else len(shape)
        self._tail = None if shape is None else shape[1:]
        self._dtype = dtype
        self._numbers = numbers_reader(dtype)

    def read(self, element: Any) -> tuple[Any, int]:
        shape, brackets = shape_of(element, self.ndim or depth_of(element))
        if self._tail is not None and shape[1:] != self._tail:
            raise FallBack
        if 0 in shape:  # NumPy has special rules for the shape and type of empty arrays
            raise FallBack
        return self._numbers(element).reshape(shape), brackets

    def leaves(self, default: Any) -> bool:
        import numpy as np

        return isinstance(default, np.ndarray)

    def checked(self, array: Numbers) -> Numbers:
        """Return an array from a binary body in the same form as from JSON.

        Raises
        ------
        BadBody
            If its shape differs from the one that run() takes, or its dtype cannot hold the
            numbers.
        """
        self._require_shape(array.shape)
        if self._dtype is None or self._dtype == array.dtype:
            return owned_array(array)
        return converted_array(array, self._dtype)

    def _require_shape(self, shape: tuple[int, ...]) -> None:
        """Raise BadBody with the message of inference-schema."""
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
    """Return the reader for inference-schema's `kind`, or None if it is not supported.

    Parameters
    ----------
    kind : AbstractParameterType
        inference-schema's description of a parameter. Subclasses of its types are not supported.
    is_optional : bool
        Whether falsy values go to run() unchanged.
    """
    reader: Reader | None = None
    if _is_a(kind, "numpy_parameter_type", "NumpyParameterType"):
        reader = _array_reader(kind)
    elif _is_a(kind, "standard_py_parameter_type", "StandardPythonParameterType"):
        if kind.sample_data_type in {bool, float, int, str}:
            reader = _ScalarReader(kind.sample_data_type)
        elif kind.sample_data_type is dict:
            reader = _object_reader(kind.sample_data_type_map)
    return _OptionalReader(reader) if reader is not None and is_optional else reader


def _is_a(kind: Any, module: str, name: str) -> bool:
    """Return whether `kind` is of this type, without importing it: that may need numpy."""
    loaded = sys.modules.get(f"inference_schema.parameter_types.{module}")
    return loaded is not None and type(kind) is getattr(loaded, name)


def _array_reader(kind: Any) -> NumbersReader | None:
    sample = kind.sample_input
    dtype = sample.dtype if kind.enforce_column_type else None
    shape = sample.shape if kind.enforce_shape else None
    if shape == () or (dtype is not None and not is_known_dtype(dtype)):
        return None
    return NumbersReader(dtype, shape)


def _object_reader(kinds: dict[str, Any]) -> ObjectReader | None:
    readers = {name: reader_of(kind) for name, kind in kinds.items()}
    known = {name: reader for name, reader in readers.items() if reader is not None}
    return ObjectReader(known) if known.keys() == readers.keys() else None
