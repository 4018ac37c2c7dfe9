"""The types of answers: one for a column over all calls and pieces, in which no value is changed.

A type is found from values, or joined from those of parts of them: the result is the same. None is
the type of values that have none in common; they are texts.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["JSON", "WHOLE", "common_type", "has_form", "list_of", "type_of", "written_type"]

JSON: Final = pa.binary()
"""Of answers as JSON texts: until the type of all answers is known, none says how one was spelled.

As a list of floats, ``[1, 0.5]`` would be ``[1.0, 0.5]``, and as a struct, ``{}`` would be
``{"a": null}``.
"""
WHOLE: Final = pa.decimal256(76, 0)
"""Of whole numbers of which some are negative and some need 64 bits, or some need more.

They are written as texts. Where others have fractions, all are floats.
"""
_MOST_DIGITS: Final = 76
_FLOAT: Final = pa.float64()


def type_of(values: Sequence[Any], *, is_item: bool = False) -> pa.DataType | None:
    """Return the type of JSON values.

    In lists and objects (`is_item`), whole numbers beyond 64 bits have no type with fractions.
    """
    given = [each for each in values if each is not None]
    kinds = {*map(type, given)}
    if not kinds:
        return pa.null()
    if kinds <= {int, float}:
        return _type_of_numbers(given, has_floats=float in kinds, is_item=is_item)
    find = _OF_VALUES.get(kinds.pop())
    return find(given) if find and not kinds else None


def _type_of_numbers(
    values: Sequence[float], *, has_floats: bool, is_item: bool
) -> pa.DataType | None:
    whole = [each for each in values if type(each) is int]
    least, most = min(whole, default=0), max(whole, default=0)
    if max(-least, most) >= 10**_MOST_DIGITS:
        return None
    is_int64 = least >= -(1 << 63) and most < 1 << 63
    if has_floats:
        return _FLOAT if is_int64 or not is_item else None
    if is_int64:
        return pa.int64()
    return pa.uint64() if least >= 0 and most < 1 << 64 else WHOLE


def _type_of_lists(values: Sequence[list[Any]]) -> pa.DataType | None:
    return list_of(type_of([*chain.from_iterable(values)], is_item=True))


def _type_of_dicts(values: Sequence[dict[str, Any]]) -> pa.DataType | None:
    keys = dict.fromkeys(chain.from_iterable(values))
    return _struct_of(
        {key: type_of([each.get(key) for each in values], is_item=True) for key in keys}
    )


_OF_VALUES: Final[Mapping[type, Callable[[Sequence[Any]], pa.DataType | None]]] = {
    bool: lambda _: pa.bool_(),
    str: lambda _: pa.string(),
    list: _type_of_lists,
    dict: _type_of_dicts,
}


def common_type(
    kinds: Iterable[pa.DataType | None], *, is_item: bool = False
) -> pa.DataType | None:
    """Return the type of values of some types together.

    Numbers with and without fractions are floats. Of int64 and uint64, the first one is taken to
    have negative numbers.
    """
    found = [*dict.fromkeys(each for each in kinds if each != pa.null())]
    if len(found) < 2:  # noqa: PLR2004 - nothing to join
        return found[0] if found else pa.null()
    if None in found:
        return None
    if is_item and any(map(_is_beyond, found)) and any(map(pa.types.is_floating, found)):
        return None
    join = next((join for are_all, join in _JOINS if all(map(are_all, found))), None)
    return join(found) if join else None


def _common_number(kinds: Sequence[pa.DataType]) -> pa.DataType:
    if any(map(pa.types.is_floating, kinds)):
        return _FLOAT
    if WHOLE in kinds:
        return WHOLE
    if pa.uint64() not in kinds:
        return pa.int64()
    return WHOLE if any(map(pa.types.is_signed_integer, kinds)) else pa.uint64()


def _common_list(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    return list_of(common_type((each.value_type for each in kinds), is_item=True))


def _common_struct(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    fields: dict[str, list[pa.DataType]] = {}
    for field in chain.from_iterable(kinds):
        fields.setdefault(field.name, []).append(field.type)
    return _struct_of({name: common_type(each, is_item=True) for name, each in fields.items()})


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or kind == WHOLE)


_JOINS: Final[Sequence[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]]]] = (
    (_is_number, _common_number),
    (pa.types.is_list, _common_list),
    (pa.types.is_struct, _common_struct),
)


def list_of(kind: pa.DataType | None) -> pa.DataType | None:
    """Return the type of lists of values of a type."""
    return pa.list_(kind) if _may_be_nested(kind) else None


def _struct_of(fields: Mapping[str, pa.DataType | None]) -> pa.DataType | None:
    return pa.struct([*fields.items()]) if all(map(_may_be_nested, fields.values())) else None


def _may_be_nested(kind: pa.DataType | None) -> bool:
    """Return whether there are lists of a type: whole numbers beyond int64 are texts there."""
    return kind is not None and not _is_beyond(kind)


def _is_beyond(kind: pa.DataType) -> bool:
    """Return whether a type is that of whole numbers of which int64 does not have all."""
    return kind in (pa.uint64(), WHOLE)


def written_type(kind: pa.DataType | None) -> pa.DataType:
    """Return the type that values of a type are written with."""
    if kind is None or kind == WHOLE or not has_form(kind):
        return pa.string()
    return kind


def has_form(kind: pa.DataType) -> bool:
    """Return whether each format has a form for a type: Parquet has none for empty structs."""
    if pa.types.is_list(kind):
        return has_form(kind.value_type)
    if not pa.types.is_struct(kind):
        return True
    return bool(kind.num_fields) and all(has_form(each.type) for each in kind)
