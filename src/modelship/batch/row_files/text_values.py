"""The types of values that are text, such as those of CSV: none may change what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["narrowest_type", "typed", "widest"]

_PADDED: Final = r"^(\+|-?0[0-9])"
_NOT_NUMBERS: Final = ("nan", "NaN")
_BOOLEANS: Final = ("true", "false", "True", "False")
_OF_TEXTS: Final = {pa.int64(), pa.float64(), pa.bool_(), pa.string()}
_EXACT_DIGITS: Final = 17
_WHOLE_DIGITS: Final = 15
_TRIED: Final = 1000
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
    found = _first_of(_HELD, given.slice(0, _TRIED))
    return found if len(given) <= _TRIED else _first_of(_WIDER[found], given)


def _first_of(kinds: Iterable[pa.DataType], texts: Any) -> pa.DataType:
    return next((each for each in kinds if _HELD[each](texts)), pa.string())


def _are_integers(texts: Any) -> bool:
    values = _cast(texts, pa.int64())
    return values is not None and _all(pc.equal(values.cast(texts.type), texts))


def _are_booleans(texts: Any) -> bool:
    return _all(pc.is_in(texts, pa.array(_BOOLEANS, texts.type)))


def _are_floats(texts: Any) -> bool:
    if _cast(texts, pa.float64()) is None:
        return False
    if not _all(pc.equal(pc.ascii_trim_whitespace(texts), texts)):  # as the cast does
        return False
    if pc.any(pc.match_substring_regex(texts, _PADDED)).as_py():
        return False
    return not len(texts := _may_be_long(texts)) or _have_exact_digits(texts)


def _may_be_long(texts: Any) -> Any:
    """Return the numbers that may have too many digits: a cheap test spares most the exact one."""
    texts = texts.filter(pc.greater(pc.binary_length(texts), _WHOLE_DIGITS))
    pointless = pc.replace_substring(texts, ".", "")
    are_whole = pc.equal(pc.binary_length(pointless), pc.binary_length(texts))
    lengths = pc.binary_length(pc.ascii_ltrim(pointless, "-0"))
    return texts.filter(pc.greater(lengths, pc.if_else(are_whole, _WHOLE_DIGITS, _EXACT_DIGITS)))


def _have_exact_digits(texts: Any) -> bool:
    digits = pc.replace_substring_regex(texts, r"[eE].*|[^0-9]", "")
    digits = pc.binary_length(pc.ascii_ltrim(digits, "0"))
    are_whole = pc.invert(pc.match_substring_regex(texts, r"[.eE]"))
    return _all(pc.less_equal(digits, pc.if_else(are_whole, _WHOLE_DIGITS, _EXACT_DIGITS)))


def _all(truths: Any) -> bool:
    return bool(pc.all(truths).as_py())


_HELD: Final = {pa.int64(): _are_integers, pa.bool_(): _are_booleans, pa.float64(): _are_floats}
_WIDER: Final = {
    pa.int64(): (pa.int64(), pa.float64()),
    pa.bool_(): (pa.bool_(),),
    pa.float64(): (pa.float64(),),
    pa.string(): (),
}
"""Which types texts may have, of which the first ones have a type."""


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
