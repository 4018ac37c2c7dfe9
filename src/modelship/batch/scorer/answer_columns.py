"""Convert what run() returned to columns, with one value for each row.

As JSON, these are the values of an online answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .answer_buffers import buffer_of
from .item_names import item_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    _Column: TypeAlias = "tuple[str, Any, dict[str, Any]]"

__all__ = ["AnswerError", "RowCountError", "columns_of_answer"]

_NAME = "prediction"
_WITH_PROBABILITIES = {"predictions", "probabilities", "classes"}
_WITHOUT_ORDER = (str, bytes, Mapping, set, frozenset)
_SHOWN = 200
_FIRST_ERROR = 400  # HTTP status


class AnswerError(ValueError):
    """An answer is not one value, or some, for each row."""


class RowCountError(AnswerError):
    """An answer does not have one value for each row."""


def columns_of_answer(answer: Any, *, rows: int) -> tuple[list[dict[str, Any]], bytes]:
    """Return the header and the bytes of the columns of an answer.

    Parameters
    ----------
    answer : object
        What run() returned. A list, an array of one dimension or a Series of `rows` values is the
        column ``prediction``; one of two dimensions, ``prediction_0`` and so on. A dict of such
        values, a list with dicts and a DataFrame have a column for each key. With
        ``{"predictions", "probabilities", "classes"}`` there is ``probability_`` and the class for
        each. JSON text, and a response of a status below 400, are read first.
    rows : int
        The number of rows that run() was called with.

    Returns
    -------
    tuple
        For each column its name, its dtype (``"json"`` for anything but numbers and booleans),
        where it begins and its size, and if it has items of lists, the name (``list``) and the
        length (``width``) of these; and the bytes of all columns.

    Raises
    ------
    AnswerError
        If it is anything else, or a response that says what is wrong.
    RowCountError
        If it does not have one value for each row.
    TypeError, ValueError
        If a value has no JSON form.
    """
    header: list[dict[str, Any]] = []
    parts, at = [], 0
    for name, values, of in _columns(_read(answer), rows=rows):
        dtype, part = buffer_of(values)
        header.append({"name": name, "dtype": dtype, "at": at, "bytes": len(part), **of})
        parts.append(part)
        at += len(part)
    if len({each["name"] for each in header}) < len(header):
        raise AnswerError("run() returned two columns of one name")
    return header, b"".join(parts)


def _read(answer: Any) -> Any:
    """Return the answer that a text or a response holds."""
    status = getattr(answer, "status_code", getattr(answer, "status", None))
    if isinstance(status, int) and (hasattr(answer, "get_data") or hasattr(answer, "body")):
        content = answer.get_data() if hasattr(answer, "get_data") else answer.body
        if status >= _FIRST_ERROR:
            raise AnswerError(f"run() answered with the status {status}: {_told(content)}")
        return _read(bytes(content))
    if not isinstance(answer, (str, bytes)):
        return answer
    try:
        return json.loads(answer)
    except ValueError:
        told = "one value for each row, or JSON with them, is expected"
        raise AnswerError(f"run() returned the text {_short(answer)}; {told}") from None


def _told(content: bytes) -> str:
    """Return the message in the body of a response."""
    try:
        found = json.loads(content)
        return str(found["message"])
    except (ValueError, KeyError, TypeError):
        return _short(content)


def _columns(answer: Any, *, rows: int) -> Iterator[_Column]:
    """Yield the columns: the name, the values, and of which lists they are the items."""
    named: Sequence[tuple[str, Any]]
    if _is_frame(answer):
        named = [(str(name), answer.iloc[:, at]) for at, name in enumerate(answer.columns)]
    elif isinstance(answer, Mapping):
        named = _named(answer)
    elif _has_dicts(answer):
        _require_rows(answer, rows=rows, name="")
        named = [*_by_key(answer).items()]
    else:
        named = [(_NAME, answer)]
    taken = {name for name, _ in named}
    for name, values in named:
        _require_rows(values, rows=rows, name="" if values is answer else name)
        yield from _flat(name, values, taken=taken)


def _named(answer: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """Return the columns of a dict; those of probabilities are named after their classes."""
    if set(answer) != _WITH_PROBABILITIES or not _are_of_classes(**answer):
        return [(str(name), values) for name, values in answer.items()]
    classes = [str(each) for each in answer["classes"]]
    columns = _transposed(answer["probabilities"], len(classes))
    if columns is None:  # other calls may have one row for each class, as if by chance
        raise AnswerError(
            "run() returned 'probabilities' that do not have one value for each of the "
            f"{len(classes)} 'classes'; give a class for each row under another name"
        )
    named = zip((f"probability_{each}" for each in classes), columns)  # noqa: B905 - as many
    return [(_NAME, answer["predictions"]), *named]


def _are_of_classes(*, predictions: Any, probabilities: Any, classes: Any) -> bool:  # noqa: ARG001 - a key
    """Return whether probabilities are lists, and classes are not: they name their items."""
    return any(hasattr(each, "__len__") for each in probabilities) and not any(
        isinstance(each, (list, tuple)) or getattr(each, "shape", ()) for each in classes
    )


def _has_dicts(answer: Any) -> bool:
    """Return whether an answer is a list with a dict: then each row is read by itself."""
    return isinstance(answer, (list, tuple)) and any(
        issubclass(kind, dict) for kind in {*map(type, answer)}
    )


def _by_key(answer: Sequence[Any]) -> dict[str, list[Any]]:
    """Return a column for each key; what is not a dict, or has no key, is under the usual one."""
    records = [*map(_record, answer)]
    keys = {key: None for record in records for key in record}
    return {str(key): [record.get(key) for record in records] for key in keys}


def _record(value: Any) -> dict[Any, Any]:
    return (value or {_NAME: None}) if isinstance(value, dict) else {_NAME: value}


def _flat(name: str, values: Any, *, taken: set[str]) -> Iterator[_Column]:
    """Yield a column; or several, if each of its values is a list of the same length.

    The lists of other calls may have another length: the host makes lists of the items again then.
    """
    width = _width(values)
    columns = _transposed(values, width) if width else None
    names = item_names(name, width or 0)
    if columns is None or any(each in taken for each in names if each != name):
        yield name, values, {}
    else:
        of = {"list": name, "width": width}
        yield from ((*each, of) for each in zip(names, columns))  # noqa: B905 - as many


def _width(values: Any) -> int | None:
    """Return the length of the lists that values are; None if they are no lists of one length."""
    shape = getattr(values, "shape", None)
    if shape is not None:
        return int(shape[1]) if len(shape) > 1 else None
    if not all(issubclass(kind, (list, tuple)) for kind in {*map(type, values)}):
        return None
    widths = {*map(len, values)}
    return widths.pop() if len(widths) == 1 else None


def _transposed(rows: Any, width: int) -> Sequence[Any] | None:
    """Return the columns of rows; None if these do not all have this length."""
    if hasattr(rows, "toarray"):  # a sparse matrix
        rows = rows.toarray()
    if hasattr(rows, "dtype"):
        return list(rows.T) if rows.ndim == 2 and rows.shape[1] == width else None  # noqa: PLR2004 - rows and columns
    if any(not hasattr(row, "__len__") or len(row) != width for row in rows):
        return None
    return [[row[at] for row in rows] for at in range(width)]


def _require_rows(values: Any, *, rows: int, name: str) -> None:
    """Raise an error unless there is one value for each row."""
    where = f" under {name!r}" if name else ""
    if isinstance(values, _WITHOUT_ORDER) or not _is_sized(values):
        told = f"{rows} values, one for each row, are expected"
        raise AnswerError(f"run() returned {_short(values)}{where}; {told}")
    found = int(values.shape[0]) if hasattr(values, "shape") else len(values)
    if found != rows:
        raise RowCountError(f"run() returned {found} values{where} for {rows} rows")


def _is_sized(values: Any) -> bool:
    shape = getattr(values, "shape", None)
    return len(shape) > 0 if shape is not None else hasattr(values, "__len__")


def _is_frame(answer: Any) -> bool:
    return hasattr(answer, "iloc") and hasattr(answer, "columns")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
