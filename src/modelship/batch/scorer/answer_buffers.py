"""Serialize one column of an answer: numbers and booleans as they are in memory, others as JSON."""

from __future__ import annotations

from array import array
from math import isfinite
from typing import TYPE_CHECKING, Any

from ...server.http_contract import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["buffer_of"]

_OF_TYPE = {float: ("d", "<f8"), int: ("q", "<i8"), bool: ("b", "|b1")}
_WIDEST_BYTES = 8


def buffer_of(values: Any) -> tuple[str, bytes]:
    """Return the dtype and the bytes of a column; the dtype is ``"json"`` for a list in JSON.

    Parameters
    ----------
    values : ndarray, Series or list
        The values.

    Raises
    ------
    TypeError, ValueError
        If a value has no JSON form.
    """
    dtype = getattr(values, "dtype", None)
    if dtype is None:
        return _of_list([*values])
    if _is_of_numbers(dtype):
        import numpy as np

        array = np.asarray(values)
        wide = array.astype(np.float32) if array.dtype == np.float16 else array
        return wide.dtype.newbyteorder("<").str, wide.astype(wide.dtype.newbyteorder("<")).tobytes()
    return _of_list([_plain(each) for each in values.tolist()])


def _is_of_numbers(dtype: Any) -> bool:
    is_numpy = type(dtype).__module__.partition(".")[0] == "numpy"
    return is_numpy and dtype.kind in "iufb" and dtype.itemsize <= _WIDEST_BYTES


def _of_list(values: Sequence[Any]) -> tuple[str, bytes]:
    kinds = {type(each) for each in values}
    if kinds == {float} and not any(map(isfinite, values)):
        return "json", encode([None] * len(values), strict=False)  # as with rows that have a value
    if len(kinds) == 1 and (found := _OF_TYPE.get(kinds.pop())):
        code, dtype = found
        try:
            return dtype, array(code, values).tobytes()
        except OverflowError:  # an integer beyond 64 bits
            pass
    try:
        return "json", encode(values, strict=False)
    except TypeError:
        return "json", encode([_plain(each) for each in values], strict=False)


def _plain(value: Any) -> Any:
    """Return a value of NumPy or pandas, or a time, as a JSON value; a missing one is None."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        plain = value.tolist()
        return _plain(plain) if type(plain) is not type(value) else _narrowed(value)
    write = next((write for has, write in _WRITERS if has(value)), None)
    return value if write is None else write(value)


def _narrowed(value: Any) -> Any:
    """Return a float of more than 64 bits as one of 64."""
    return float(value) if value.dtype.kind == "f" else value


def _has_name(*names: str) -> Callable[[Any], bool]:
    return lambda value: type(value).__name__ in names


_WRITERS: Sequence[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = (
    (_has_name("NaTType", "NAType"), lambda _: None),
    (_has_name("Decimal"), float),
    (_has_name("Interval", "Period", "UUID"), str),
    (lambda value: hasattr(value, "isoformat"), lambda value: value.isoformat()),
)
