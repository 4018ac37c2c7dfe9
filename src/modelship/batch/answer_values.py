"""Convert answers between JSON values and Arrow arrays, so that none is changed or spelled anew."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from modelship.batch.answer_types import JSON, has_form, type_of, written_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["array_of", "array_of_json", "joined_arrays", "settled", "type_of_column", "values_of"]

_REFUSED: Final = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError)


def array_of_json(values: Sequence[Any], *, is_item: bool = False) -> pa.Array:
    """Return JSON values as an array.

    It has their type, if each could be spelled from it as it is here; otherwise the type JSON. Of
    different types, they are texts.

    Parameters
    ----------
    values : Sequence
        The values.
    is_item : bool
        Whether they are items of lists, which may be needed as lists again: then ``1`` and ``1.0``
        differ, and so do ``1`` and ``"1"``.
    """
    array = _typed(values, is_item=is_item)
    if array is not None:
        return array
    if not is_item and type_of(values) is None:
        return _texts(values)
    texts = [None if each is None else json.dumps(each).encode() for each in values]
    return pa.array(texts, JSON)


def _typed(values: Sequence[Any], *, is_item: bool) -> pa.Array | None:
    """Return an array of the type of values; None if that does not say how each was spelled."""
    kinds = {*map(type, values)} - {type(None)}
    if len(kinds) > 1 and (is_item or kinds != {int, float}):  # pyarrow would convert true to 1
        return None
    try:
        array = pa.array(values)
    except _REFUSED:  # such as integers beyond 2^53 with fractions
        return _unsigned(values) if kinds == {int} else None
    return array if _keeps(array, values) else None


def _keeps(array: pa.Array, values: Sequence[Any]) -> bool:
    """Return whether values are spelled in the same way as those of an array."""
    if not pa.types.is_nested(array.type):
        return True
    return has_form(array.type) and json.dumps(array.to_pylist()) == json.dumps(values)


def _unsigned(values: Sequence[Any]) -> pa.Array | None:
    try:
        return pa.array(values, pa.uint64())
    except _REFUSED:
        return None


def values_of(column: Any) -> list[Any]:
    """Return the JSON values of a column."""
    values: list[Any] = column.to_pylist()
    if column.type != JSON:
        return values
    return [None if each is None else json.loads(each) for each in values]


def type_of_column(column: Any, *, is_item: bool = False) -> pa.DataType | None:
    """Return the type of the values of a column, also of one that has them as JSON."""
    return type_of(values_of(column), is_item=is_item) if column.type == JSON else column.type


def joined_arrays(parts: Sequence[Any], *, is_item: bool = False) -> Any:
    """Return the values of columns one after the other, as if they came from one call."""
    kinds = {each.type for each in parts} - {pa.null()}
    if len(kinds) < 2 and JSON not in kinds:  # noqa: PLR2004 - nothing to join
        return _chunked(parts, next(iter(kinds), pa.null()))
    try:
        return _chunked(parts, _number_type(kinds, is_item=is_item))
    except _REFUSED:
        values = [*chain.from_iterable(map(values_of, parts))]
        return pa.chunked_array([array_of_json(values, is_item=is_item)])


def _chunked(parts: Sequence[Any], kind: pa.DataType) -> pa.ChunkedArray:
    """Return values as those of one type; ArrowInvalid if that has none that is equal."""
    columns = [_cast(each, kind) for each in parts]
    return pa.chunked_array([*chain.from_iterable(each.chunks for each in columns)], kind)


def _cast(column: Any, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), kind)])
    return column if column.type == kind else column.cast(kind)


def _number_type(kinds: Iterable[pa.DataType], *, is_item: bool) -> pa.DataType:
    """Return a type that may have the numbers of some types; ArrowInvalid if there is none."""
    floats, whole = ({*filter(of, kinds)} for of in (pa.types.is_floating, pa.types.is_integer))
    if {*kinds} - floats - whole or (is_item and floats and whole):
        raise pa.ArrowInvalid("these are not numbers of one kind")
    if floats:
        return pa.float64()
    return pa.uint64() if pa.uint64() in whole else pa.int64()


def settled(column: Any, kind: pa.DataType | None) -> Any:
    """Return the values of a column as they are written, once their type is known to be `kind`."""
    target = written_type(kind)
    if column.type == target:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), target)
    if pa.types.is_string(target):
        return _texts(values_of(column))
    if column.type != JSON and not pa.types.is_nested(target):
        return column.cast(target, safe=False)  # floats are rounded, where others have fractions
    return array_of(values_of(column), target)


def array_of(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Return JSON values as an array of a type, in which integers may be floats."""
    return pa.array([_fitted(each, kind) for each in values], kind)


def _texts(values: Iterable[Any]) -> pa.Array:
    """Return texts as they are, and other values as JSON.

    A whole number has no point: whether it was a float depends on which rows were called together.
    """
    texts = [
        each if each is None or isinstance(each, str) else json.dumps(_whole(each))
        for each in values
    ]
    return pa.array(texts, pa.string())


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """Return a JSON value whose integers are floats where the type has these."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_list(kind):
        return [_fitted(each, kind.value_type) for each in value]
    if pa.types.is_struct(kind):
        return {each.name: _fitted(value.get(each.name), each.type) for each in kind}
    return value
