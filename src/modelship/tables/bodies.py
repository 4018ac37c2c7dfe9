"""From the body of a request to columns of values, whichever form the body has.

Under ``{"data": …}``, or by itself, a body holds records (objects by column) or rows (lists in the
model's order). MLflow's forms are taken too: ``dataframe_records``, ``dataframe_split``,
``instances`` and ``inputs``; see "Local inference server spec" in MLflow's documentation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["columns_of", "rows_of"]

_KEYS = ("data", "dataframe_records", "instances", "dataframe_split", "inputs")
_SHOWN = 5


def rows_of(body: str, *, key: str = "data") -> Any:
    """Return what holds the rows of a body: a list, or an object of columns.

    Raises
    ------
    Refused
        If the body is not JSON, or holds no rows.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(f"The body is not JSON: {error}") from None
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for known in (key, *_KEYS):
            if known in document:
                return document[known]
    expected = f'{{"{key}": [...]}} with a list of rows is expected'
    raise Refused(f"The body holds no rows: {expected}.")


def columns_of(rows: Any, names: Sequence[str]) -> list[list[Any]]:
    """Return the values of each column, in the order of `names`.

    Parameters
    ----------
    rows : list or dict
        Records, rows in the order of `names`, ``{"columns": [...], "data": [...]}``, or an object
        of columns.
    names : sequence of str
        The columns of the model; the place of one without a name counts.

    Raises
    ------
    Refused
        If a column is missing or unknown, or a row has another number of values.
    """
    if isinstance(rows, dict):
        return _of_object(rows, names)
    if not isinstance(rows, list):
        raise Refused(f"The rows are {_kind(rows)}; a list of rows is expected.")
    if rows and isinstance(rows[0], dict):
        return _of_records(rows, names)
    return _of_lists(rows, names)


def _of_records(records: list[Any], names: Sequence[str]) -> list[list[Any]]:
    known = set(names)
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise Refused(f"Row {at} is {_kind(record)}; an object is expected, as row 0 is.")
        if record.keys() != known:
            _require_names(list(record), names, where=f"Row {at}")
    return [[record[name] for record in records] for name in names]


def _of_lists(rows: list[Any], names: Sequence[str]) -> list[list[Any]]:
    width = len(names)
    for at, row in enumerate(rows):
        if not isinstance(row, list):
            raise Refused(f"Row {at} is {_kind(row)}; an object or a list is expected.")
        if len(row) != width:
            raise Refused(f"Row {at} has {len(row)} values; {width} are expected{_order(names)}.")
    return [list(column) for column in zip(*rows)] if rows else [[] for _ in names]


def _of_object(found: dict[str, Any], names: Sequence[str]) -> list[list[Any]]:
    if isinstance(found.get("columns"), list) and isinstance(found.get("data"), list):
        given = found["columns"]
        _require_names(given, names, where="The body")
        columns = dict(zip(given, _of_lists(found["data"], given)))
        return [columns[name] for name in names]
    _require_names(list(found), names, where="The body")
    lengths = {name: len(each) if isinstance(each, list) else None for name, each in found.items()}
    if None in lengths.values():
        if all(length is None for length in lengths.values()):  # one row alone
            return [[found[name]] for name in names]
        name = next(name for name, length in lengths.items() if length is None)
        raise Refused(f"Column {name!r} is {_kind(found[name])}; a list of values is expected.")
    if len(set(lengths.values())) > 1:
        raise Refused("The columns of the body have different lengths.")
    return [found[name] for name in names]


def _require_names(found: Sequence[Any], names: Sequence[str], *, where: str) -> None:
    lacking = [name for name in names if name not in found]
    unknown = [name for name in found if name not in names]
    clauses = [
        f"{what} {_shown(each)}"
        for what, each in (("lacks", lacking), ("has the unknown", unknown))
        if each
    ]
    if clauses:
        raise Refused(f"{where} {' and '.join(clauses)}{_order(names)}.")
    if len(set(map(str, found))) < len(found):
        raise Refused(f"{where} has a column twice.")


def _shown(names: Sequence[Any]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    noun = "column" if len(names) == 1 else "columns"
    return f"{noun} {', '.join(map(repr, names[:_SHOWN]))}{more}"


def _order(names: Sequence[str]) -> str:
    if not all(names):
        return ""
    more = ", ..." if len(names) > _SHOWN else ""
    return f"; the columns are {', '.join(names[:_SHOWN])}{more}"


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return "null" if value is None else kinds.get(type(value), "a number")
