"""The types of values that are text, such as those of CSV: none may change what is written."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["narrowest_type", "typed", "widest"]

_PADDED: Final = r"^(\+|-?0[0-9])"
_SPACES: Final = (" ", "\t", "\r", "\n")
_NOT_NUMBERS: Final = ("nan", "NaN")
_BOOLEANS: Final = ("true", "false", "True", "False")
_OF_TEXTS: Final = {pa.int64(), pa.float64(), pa.bool_(), pa.string()}
_EXACT_DIGITS: Final = 17
_GAPS: Final = ("", "NA", "N/A", "NULL", "null", "None", "#N/A")
"""What stands for a missing number, where a column is known to be one of numbers."""


def narrowest_type(texts: Any) -> pa.DataType:
    """Return the type of texts that are all written as its values: null if there are none.

    ``007``, ``+5``, dates, integers of more than 64 bits and numbers of more digits than a float
    holds are texts.
    """
    given = texts.drop_null()
    if not len(given):
        return pa.null()
    integers = _cast(given, pa.int64())
    if integers is not None and pc.all(pc.equal(integers.cast(given.type), given)).as_py():
        return pa.int64()
    if pc.all(pc.is_in(given, pa.array(_BOOLEANS, given.type))).as_py():
        return pa.bool_()
    return pa.float64() if _are_floats(given) else pa.string()


def _are_floats(texts: Any) -> bool:
    if _cast(texts, pa.float64()) is None:
        return False
    irregular = [
        pc.match_substring_regex(texts, _PADDED),
        *(pc.match_substring(texts, each) for each in _SPACES),
    ]
    if any(pc.any(each).as_py() for each in irregular):
        return False
    if pc.max(pc.binary_length(texts)).as_py() < _EXACT_DIGITS - 1:
        return True
    digits = pc.replace_substring_regex(texts, r"[eE].*|[^0-9]", "")
    digits = pc.binary_length(pc.utf8_ltrim(digits, "0"))
    are_whole = pc.invert(pc.match_substring_regex(texts, r"[.eE]"))
    limit = pc.if_else(are_whole, _EXACT_DIGITS - 2, _EXACT_DIGITS)
    return bool(pc.all(pc.less_equal(digits, limit)).as_py())


def widest(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the type that holds the values of both; None if there is none."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_string(one) or pa.types.is_string(other):
        return pa.string() if {one, other} <= _OF_TEXTS else None
    try:
        schemas = [pa.schema([("", one)]), pa.schema([("", other)])]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string() if {one, other} <= _OF_TEXTS else None


def typed(texts: Any, to: pa.DataType) -> tuple[Any, Any]:
    """Return texts as values of a type, and a mask of those that are none, which are null.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray
        The texts, of the type binary.
    to : pyarrow.DataType
        The type.
    """
    if pa.types.is_binary(to):
        return texts, None
    values = _cast(texts, pa.string())
    if values is None:
        values, are_bad = _one_by_one(texts, pa.string())
    else:
        are_bad = None
    if pa.types.is_string(to):
        return values, are_bad
    values = pc.utf8_trim_whitespace(values)
    gaps = _GAPS if pa.types.is_floating(to) else (*_GAPS, *_NOT_NUMBERS)
    values = pc.if_else(pc.is_in(values, pa.array(gaps)), pa.scalar(None, pa.string()), values)
    whole = _cast(values, to)
    if whole is None:
        whole, are_no_values = _one_by_one(values, to)
        are_bad = are_no_values if are_bad is None else pc.or_(are_bad, are_no_values)
    return whole, are_bad


def _one_by_one(texts: Any, to: pa.DataType) -> tuple[Any, Any]:
    """Return values, those of each text that is different, and the mask of what is none."""
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    each = [_cast(encoded.dictionary.slice(at, 1), to) for at in range(len(encoded.dictionary))]
    found = pa.array([None if one is None else one[0].as_py() for one in each], to)
    are_bad = pa.array([one is None for one in each], pa.bool_())
    values = found.take(encoded.indices)
    return pa.chunked_array([values]), pa.chunked_array(
        [are_bad.take(encoded.indices).fill_null(False)]
    )


def _cast(values: Any, to: pa.DataType) -> Any:
    try:
        return values.cast(to)
    except pa.ArrowInvalid:
        return None
