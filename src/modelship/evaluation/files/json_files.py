"""Read test sets from JSON: X and y, records, rows, and pandas' formats."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import DocumentError
from modelship.errors import InvalidOptionError, InvalidTestSetError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.files.splitting import as_fitted, label_columns, split
from modelship.evaluation.matching import known_names
from modelship.tables.plain import is_frame
from modelship.texts import SAVE_AS_UTF8, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.evaluation.files.datafile import DataFile
    from modelship.tables.schema import Schema

__all__ = ["read_json", "read_json_lines"]

_WRAPPERS: Final = ("data", "dataframe_records", "dataframe_split", "instances", "inputs")
"""The possible keys of the rows in a request's body."""


def read_json(data: DataFile, schema: Schema) -> tuple[Any, Any]:
    """Return X and y of a JSON file.

    It holds ``{"X": ..., "y": ...}``; or a table with the labels among its columns: records, or any
    output of ``DataFrame.to_json``; or rows, whose last value is the label.

    Raises
    ------
    InvalidTestSetError
        If it holds something else.
    MissingExtraError
        If it holds a table, and pandas is not installed.
    """
    return _parts(_parsed(_text(data), str(data.path)), data, schema)


def read_json_lines(data: DataFile, schema: Schema) -> tuple[Any, Any]:
    """Return X and y of a file with a record or a row of JSON in each line.

    Raises
    ------
    InvalidTestSetError
        If it holds something else; with the line.
    """
    lines = enumerate(_text(data).split("\n"), 1)
    rows = [
        _parsed(line, f"line {number} of {data.path}") for number, line in lines if line.strip()
    ]
    return _parts(rows, data, schema)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidTestSetError(problem=f"{where} is not JSON: {error}") from error


def _text(data: DataFile) -> str:
    try:
        content = data.path.read_bytes()
        return as_text(gzip.decompress(content) if data.is_packed else content)
    except DocumentError as error:
        raise InvalidTestSetError(f"{data.path}: {error}", SAVE_AS_UTF8) from error
    except (OSError, EOFError) as error:
        raise InvalidTestSetError(problem=f"{data.path} cannot be read: {error}") from error


def _parts(document: Any, data: DataFile, schema: Schema) -> tuple[Any, Any]:
    if isinstance(document, dict) and "X" in document and not {"X", "y"} & set(data.labels):
        return _of_two(document, data, schema)
    table = _table(document, data, schema)
    if not is_frame(table):
        return _of_rows(table, data)
    columns = [str(name) for name in table.columns]
    labels = label_columns(columns, asked=data.labels, schema=schema, file=data.path)
    return split(table.set_axis(columns, axis=1), labels, schema)


def _of_two(document: Mapping[str, Any], data: DataFile, schema: Schema) -> tuple[Any, Any]:
    if "y" not in document:
        problem = f"{data.path} holds {', '.join(document)}, but lacks y"
        raise InvalidTestSetError(problem=problem)
    _require_no_label(data, holds="X and y")
    X, y = (_table(document[key], data, schema) for key in ("X", "y"))
    return as_fitted(X, schema) if is_frame(X) else X, y


def _of_rows(rows: Any, data: DataFile) -> tuple[Any, Any]:
    """Return the rows without their last value, and those values."""
    _require_no_label(data, holds="rows without names, the last value of each being y")
    if getattr(rows, "ndim", 0) != 2 or rows.shape[1] < 2:  # noqa: PLR2004 - rows of X and y
        raise InvalidTestSetError(
            problem=f"{data.path} contains no table",
            advice='Write {"X": [...], "y": [...]}, or a list of records.',
        )
    return _numbers_if_all(rows[:, :-1]), rows[:, -1]


def _require_no_label(data: DataFile, *, holds: str) -> None:
    if data.labels:
        expected = f"a file with named columns; this one holds {holds}"
        raise InvalidOptionError(data.flag("label"), data.labels[0], expected)


def _table(document: Any, data: DataFile, schema: Schema) -> Any:
    """Return records as a data frame, and rows as an array."""
    if isinstance(document, dict):
        if len(document) == 1 and (key := next(iter(document))) in _WRAPPERS:
            return _table(document[key], data, schema)
        with needs_extra("tables", purpose="Reading a table"):
            return _frame(document, data, schema)
    if not isinstance(document, list):
        problem = f"{data.path} holds {_kind(document)}, and rows are expected"
        raise InvalidTestSetError(problem=problem)
    if document and all(isinstance(row, dict) for row in document):
        with needs_extra("tables", purpose="Reading a table"):
            import pandas as pd
        return pd.DataFrame(document)
    return _array(document, data)


def _frame(document: dict[str, Any], data: DataFile, schema: Schema) -> Any:
    """Return the data frame that ``DataFrame.to_json`` wrote in any of its orientations."""
    import pandas as pd

    try:
        if isinstance(document.get("schema"), dict) and "data" in document:
            frame = pd.read_json(io.StringIO(json.dumps(document)), orient="table")
            return frame if frame.index.name in (None, "index") else frame.reset_index()
        if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
            return pd.DataFrame(document["data"], columns=document["columns"])
        if _lists_rows(document, known=(*data.labels, *known_names(schema))):
            return pd.DataFrame.from_dict(document, orient="index")
        return pd.DataFrame(document)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidTestSetError(
            problem=f"{data.path} contains no table: {error}",
            advice='Write {"X": [...], "y": [...]}, or a list of records.',
        ) from error


def _lists_rows(document: dict[str, Any], *, known: Sequence[str]) -> bool:
    """Return whether an object of objects has a row under each key, and not a column."""
    first = next(iter(document.values()), None)
    if not isinstance(first, dict):
        return False
    if known:
        return not set(known) & set(document) and bool(set(known) & set(first))
    return all(key.isdigit() for key in document) and not all(key.isdigit() for key in first)


def _array(rows: list[Any], data: DataFile) -> Any:
    """Return rows as an array: of numbers if all are, else of unchanged objects."""
    import numpy as np

    try:
        array = np.array(rows)
        if array.dtype.kind in "OUS":
            array = np.array(rows, dtype=object)
    except ValueError as error:
        problem = f"the rows of {data.path} are not all of one length"
        raise InvalidTestSetError(problem=problem) from error
    if array.dtype.kind != "O" or array.ndim != 2:  # noqa: PLR2004 - rows and columns
        return array
    array[array == None] = float("nan")  # noqa: E711 - each item is compared
    return _numbers_if_all(array)


def _numbers_if_all(array: Any) -> Any:
    if array.dtype.kind != "O" or not all(isinstance(v, int | float) for v in array.flat):
        return array
    return array.astype(float)


def _kind(document: Any) -> str:
    return "null" if document is None else f"a {type(document).__name__}"
