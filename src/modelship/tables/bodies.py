"""Parse a request body of any supported form into columns of values.

Under ``{"data": …}``, or at the top level, a body holds records (objects by column) or rows (lists
in the model's order). MLflow's forms are accepted too: ``dataframe_records``, ``dataframe_split``,
``instances`` and ``inputs``; see "Local inference server spec" in MLflow's documentation. Under
``arrow`` it holds a stream of Arrow's IPC format in base64.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from .arrow_bodies import arrow_of_text
from .refused import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ARROW",
    "are_names",
    "columns_of",
    "dicts_of",
    "is_split",
    "kind_of",
    "require_list",
    "rows_of",
    "width_problem",
    "without_index",
]

ARROW = "arrow"
_KEYS = ("data", "dataframe_records", "instances", "dataframe_split", "inputs", ARROW)
_INDEXES = frozenset(("", "Unnamed: 0", "__index_level_0__"))
"""pandas' names of an index without a name: in CSV, in records of CSV, and in Arrow."""
_HALF = re.compile("[\\ud800-\\udfff]")
_SHOWN = 5
_LONGEST = 200


def rows_of(body: str | bytes, *, key: str = "data", names: Sequence[str] = ()) -> Any:
    """Return the part of a body with its rows: a list, an object of columns, or Arrow bytes.

    Parameters
    ----------
    body : str or bytes
        The body of a request.
    key : str
        The key under which the rows are looked up first.
    names : sequence of str
        The columns of the model: an object with exactly these keys is used as it is.

    Raises
    ------
    Refused
        If the body is not JSON, or holds no rows.
    """
    document = _document_of(body)
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        if names and document.keys() == set(names) and not _holds_rows(document, key, names):
            return document
        if is_split(document):
            return document
        for known in (key, *_KEYS):
            if known in document:
                found = document[known]
                is_arrow = known == ARROW and isinstance(found, str)
                return arrow_of_text(found) if is_arrow else found
        if unnamed := [name for name in document if name not in names]:
            found = f"has the {'key' if len(unnamed) == 1 else 'keys'} {_listed(unnamed)}"
        else:
            found = f"lacks columns{_order(names)}" if document else "is an empty object"
    else:
        found = f"is {kind_of(document)}"
    raise Refused(f'The body {found}; {{"{key}": [...]}} with a list of rows is expected.')


def _document_of(body: str | bytes) -> Any:
    """Return the contents of a JSON body; its texts are valid Unicode."""
    if not body.strip():
        header = "Content-Type: application/json"
        raise Refused(f"The body is empty; send JSON, with the header {header}.")
    try:
        document = json.loads(body)
        # An escape may hold an unpaired surrogate; most bodies have no escapes.
        if "\\" in (text := str(body)) and "\\ud" in text.lower():
            _require_whole(document, where="")
    except Refused:
        raise
    except (ValueError, RecursionError) as error:
        if body[:1] == "\ufeff":
            return _document_of(body[1:])
        raise Refused(f"The body is not JSON: {error}") from None
    return document


def _require_whole(value: Any, *, where: str) -> None:
    """Raise Refused at a text that is not valid Unicode: JSON may hold an unpaired surrogate."""
    if isinstance(value, dict):
        for key, each in value.items():
            _require_whole(key, where=where)
            _require_whole(each, where=f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            _require_whole(each, where=f"{where}[{at}]")
    elif isinstance(value, str) and (half := _HALF.search(value)):
        place = f" at {where}" if where else ""
        raise Refused(
            f"The body holds {half[0]!a}{place}, which is half of a character, such as of an "
            "emoji that was cut in two; whole ones are expected."
        )


def _holds_rows(document: dict[str, Any], key: str, names: Sequence[str]) -> bool:
    """Return whether a body's only key is that of its rows, even if a column has that name."""
    [(name, found), *more] = document.items()
    if more or name not in (key, *_KEYS):
        return False
    if isinstance(found, dict):
        return is_split(found) or found.keys() == set(names)
    return isinstance(found, list) and bool(found) and isinstance(found[0], (dict, list))


def columns_of(rows: Any, names: Sequence[str]) -> list[list[Any]]:
    """Return the values of each column, in the order of `names`.

    Parameters
    ----------
    rows : list or dict
        Records, rows in the order of `names`, ``{"columns": [...], "data": [...]}``, or an object
        of columns.
    names : sequence of str
        The columns of the model; an unnamed one is identified by its position.

    Raises
    ------
    Refused
        If a column is missing or unknown, or a row has another number of values.
    """
    if isinstance(rows, dict):
        return _of_object(rows, names)
    require_list(rows)
    if rows and isinstance(rows[0], dict):
        return _of_records(rows, names)
    return _of_lists(rows, names)


def require_list(rows: Any, *, of: str = "rows") -> list[Any]:
    """Return the rows of a body; raise Refused unless they are a list."""
    if not isinstance(rows, list):
        raise Refused(f"The rows are {kind_of(rows)}; a list of {of} is expected.")
    return rows


def width_problem(at: int, found: int, expected: object) -> str:
    """Return what is wrong with the number of values in a row; without a full stop."""
    return f"Row {at} has {found} {'value' if found == 1 else 'values'}; {expected} are expected"


def dicts_of(rows: Any) -> list[dict[str, Any]]:
    """Return rows that are objects, each with keys of its own.

    Raises
    ------
    Refused
        If a row is not an object.
    """
    found = require_list(rows, of="objects")
    for at, row in enumerate(found):
        if not isinstance(row, dict):
            raise Refused(f"Row {at} is {kind_of(row)}; an object is expected.")
    return found


def without_index(found: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Return the names found, without that of an index column unknown to the model."""
    return [name for name in found if name in names or name not in _INDEXES]


def is_split(found: dict[str, Any]) -> bool:
    """Return whether an object has the form that pandas calls "split"."""
    return isinstance(found.get("columns"), list) and isinstance(found.get("data"), list)


def are_names(names: Sequence[str]) -> bool:
    """Return whether columns are distinguishable by name; one may be the empty text."""
    return any(names) and len(set(names)) == len(names)


def kind_of(value: Any) -> str:
    """Return the kind of a JSON value, with its article."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return "null" if value is None else kinds.get(type(value), "a number")


def require_names(found: Sequence[Any], names: Sequence[str], *, where: str) -> None:
    """Raise Refused unless `found` are the names of the columns, in any order."""
    lacking = [name for name in names if name not in found]
    unknown = [name for name in found if name not in names]
    clauses = [
        f"{what} {'column' if len(each) == 1 else 'columns'} {_listed(each)}"
        for what, each in (("lacks the", lacking), ("has the unknown", unknown))
        if each
    ]
    if clauses:
        raise Refused(f"{where} {' and '.join(clauses)}{_order(names)}.")
    if len(set(map(str, found))) < len(found):
        raise Refused(f"{where} has a column twice.")


def _of_records(records: list[Any], names: Sequence[str]) -> list[list[Any]]:
    known = set(names)
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise Refused(f"Row {at} is {kind_of(record)}; an object is expected, as row 0 is.")
        if record.keys() != known:
            _require_named(names)
            require_names(without_index(list(record), names), names, where=f"Row {at}")
    return [[record[name] for record in records] for name in names]


def _of_lists(rows: list[Any], names: Sequence[str]) -> list[list[Any]]:
    width = len(names)
    for at, row in enumerate(rows):
        if not isinstance(row, list):
            either = are_names(names) and at == 0
            expected = "an object or a list is expected" if either else "a list is expected"
            expected += ", as row 0 is" if at else ""
            raise Refused(f"Row {at} is {kind_of(row)}; {expected}.")
        if len(row) != width:
            raise Refused(f"{width_problem(at, len(row), width)}{_order(names)}.")
    return [list(column) for column in zip(*rows)] if rows else [[] for _ in names]


def _of_object(found: dict[str, Any], names: Sequence[str]) -> list[list[Any]]:
    if is_split(found) and _holds_lists(found, names):
        given = found["columns"]
        if not are_names(names):
            return _of_lists(found["data"], names)
        if not all(isinstance(name, str) for name in given):
            raise Refused("The names of the columns are not all texts.")
        require_names(without_index(given, names), names, where="The body")
        columns = dict(zip(given, _of_lists(found["data"], given)))
        return [columns[name] for name in names]
    _require_named(names)
    require_names(without_index(list(found), names), names, where="The body")
    lengths = {name: len(found[name]) if isinstance(found[name], list) else None for name in names}
    if None in lengths.values():
        if all(length is None for length in lengths.values()):  # a single row
            return [[found[name]] for name in names]
        name = next(name for name, length in lengths.items() if length is None)
        raise Refused(f"Column {name!r} is {kind_of(found[name])}; a list of values is expected.")
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name!r} {length}" for name, length in [*lengths.items()][:_SHOWN])
        raise Refused(f"The columns of the body have different lengths: {shown}.")
    return [found[name] for name in names]


def _holds_lists(split: dict[str, Any], names: Sequence[str]) -> bool:
    """Return whether "data" are rows; a model may have columns with these names."""
    is_other = split.keys() != set(names)
    return is_other or (bool(split["columns"]) and all(isinstance(r, list) for r in split["data"]))


def _require_named(names: Sequence[str]) -> None:
    if not are_names(names):
        raise Refused(
            f"The rows are objects; lists of {len(names)} values are expected, since the columns "
            "of the model have no names."
        )


def _listed(names: Sequence[Any]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(map(_cut, names[:_SHOWN]))}{more}"


def _cut(name: Any) -> str:
    """Return a name in quotes; one made up by a caller may be as long as the body."""
    text = repr(name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _order(names: Sequence[str]) -> str:
    if not names or not are_names(names):
        return ""
    more = ", ..." if len(names) > _SHOWN else ""
    return f"; the columns are {', '.join(names[:_SHOWN])}{more}"
