"""Convert the rows of a body to an array of numbers, for models without column names.

If NumPy converts the rows to an array of numbers, nothing else is checked. Only otherwise are the
rows searched for the value to report to the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bodies import is_split, kind_of, require_list, width_problem
from .checking import shown
from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["as_numbers", "misshapen", "rows_without_names", "stacked_numbers"]

_NUMBERS = frozenset((int, float, bool, type(None)))


def as_numbers(rows: Any, *, width: int | None = None) -> Any:
    """Return an array of numbers of shape (n, ...); null is NaN.

    Parameters
    ----------
    rows : list or dict
        Lists of numbers, or what :func:`rows_without_names` converts to such lists.
    width : int, optional
        The number of values in a row, where known. Rows of another width are not rejected for that;
        it serves the message when rows differ.

    Raises
    ------
    Refused
        If the rows have different lengths, or hold anything that is not a number.
    """
    import numpy as np

    rows = rows_without_names(rows)
    try:
        array = np.array(rows)
        if array.dtype.kind in "biuf":
            return array
        array = np.array(rows, dtype=object)
        if _NUMBERS.issuperset(map(type, array.flat)):
            return array.astype(float)
    except (ValueError, OverflowError):
        pass  # reported below, with a clearer message than NumPy's
    raise misshapen(rows, width=width) or Refused("The rows do not all have the same shape.")


def rows_without_names(rows: Any) -> list[Any]:
    """Return rows as lists, ignoring the names that a body has for its columns.

    The order is that of the columns in the body, or of the keys in its first row.

    Raises
    ------
    Refused
        If they are not rows, or two of them have different keys.
    """
    if isinstance(rows, dict):
        rows = rows["data"] if is_split(rows) else _of_columns(rows)
    require_list(rows)
    return _of_records(rows) if rows and isinstance(rows[0], dict) else rows


def stacked_numbers(columns: Sequence[Any]) -> Any:
    """Return arrays of numbers as the columns of one; None if one is not such an array."""
    if not columns or not all(hasattr(each, "dtype") for each in columns):
        return None
    import numpy as np

    return np.column_stack(columns)


def _of_columns(columns: dict[str, Any]) -> list[Any]:
    """Return the rows of an object of columns, or those of its only tensor."""
    for name, values in columns.items():
        if not isinstance(values, list):
            told = f"Column {name!r} is {kind_of(values)}"
            raise Refused(f"{told}; a list of values is expected.")
    held = [*columns.values()]
    if len(held) == 1 and held[0] and isinstance(held[0][0], list):
        return list(held[0])
    if len(lengths := {len(values) for values in held}) > 1:
        told = f"{min(lengths)} to {max(lengths)}"
        raise Refused(f"The columns of the body have different lengths: {told} values.")
    return [list(row) for row in zip(*held)]


def _of_records(records: list[Any]) -> list[list[Any]]:
    names, known = list(records[0]), records[0].keys()
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise Refused(f"Row {at} is {kind_of(record)}; an object is expected, as row 0 is.")
        if record.keys() != known:
            name = next(iter(record.keys() ^ known))
            told = f"lacks the key {name!r}" if name in known else f"has the new key {name!r}"
            raise Refused(f"Row {at} {told}; the keys of row 0 are expected.")
    return [[record[name] for name in names] for record in records]


def misshapen(
    rows: Sequence[Any], *, width: int | None = None, is_numeric: bool = True
) -> Refused | None:
    """Return a refusal of the first row that is not a row, or value that is not a number.

    Parameters
    ----------
    rows : sequence of list
        The rows.
    width : int, optional
        The number of values in a row; by default that of the first row.
    is_numeric : bool
        Whether values have to be numbers.
    """
    first = rows[0] if len(rows) else None
    expected, told = width, ""
    if width is None and isinstance(first, list):
        expected, told = len(first), ", as row 0 has"
    for at, row in enumerate(rows):
        if not isinstance(row, list):
            is_number = type(row) in _NUMBERS
            if is_number and not any(isinstance(each, list) for each in rows):
                continue
            given = kind_of(row) if is_number else _shown(row)
            return Refused(f"Row {at}: {given} is given; a list of values is expected.")
        if len(row) != expected and isinstance(first, list):
            return Refused(f"{width_problem(at, len(row), expected)}{told}.")
        refused = _no_number(row, at=at, first=first) if is_numeric else None
        if refused is not None:
            return refused
    return None


def _no_number(row: list[Any], *, at: int, first: Any) -> Refused | None:
    """Return a refusal of the first value of a row that is neither a number nor null."""
    is_deep = isinstance(first, list) and all(isinstance(value, list) for value in first)
    for column, value in enumerate(row):
        held = _flat(value) if is_deep else [value]
        if odd := next(([each] for each in held if not _is_number(each)), None):
            told = f"Row {at}, column {column}: {_shown(odd[0])} is given"
            return Refused(f"{told}; a number is expected.")
    return None


def _flat(value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        yield value
        return
    for each in value:
        yield from _flat(each)


def _is_number(value: Any) -> bool:
    try:
        return type(value) in _NUMBERS and (value is None or float(value) is not None)
    except OverflowError:  # an integer of hundreds of digits
        return False


def _shown(value: Any) -> str:
    return kind_of(value) if isinstance(value, (dict, list)) else shown(value)
