"""Read test sets from CSV files with pandas, or without it if all values are numbers."""

from __future__ import annotations

import csv
import gzip
import io
import re
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import DocumentError
from modelship.errors import InvalidTestSetError, MissingExtraError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.files.splitting import (
    has_index,
    known_columns,
    label_columns,
    labels_are_texts,
    split,
    takes_texts,
    text_columns,
)
from modelship.evaluation.matching import known_names, order_of
from modelship.texts import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.evaluation.files.datafile import DataFile
    from modelship.tables.schema import Column, Schema

__all__ = ["GAPS", "delimited_frame", "read_delimited"]

_SEPARATORS: Final = (",", ";", "\t", "|")
_SNIFFED_LINES: Final = 20
_DECIMAL_COMMA: Final = re.compile(r"\s*[+-]?\d+,\d+\s*")
_TRUTH: Final = {"True": True, "False": False}
"""The texts that pandas writes for booleans."""

GAPS: Final = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN")
) | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
"""The texts that pandas reads as missing, unless the model has such a value."""


def read_delimited(data: DataFile, schema: Schema) -> tuple[Any, Any]:
    """Return X and y of a CSV file.

    Raises
    ------
    InvalidTestSetError
        If it is not one; with the line where there is one.
    MissingExtraError
        If it holds anything but numbers, and pandas is not installed.
    """
    separator, header = _layout(data)
    labels = label_columns(header, asked=data.labels, schema=schema, file=data.path)
    try:
        import pandas  # noqa: F401, ICN001 - whether it is here
    except ImportError:
        return _read_numbers(data, header, labels, separator=separator, schema=schema)
    frame = _read_frame(data, header, labels, separator=separator, schema=schema)
    _require_points(frame, labels, schema, separator=separator)
    return split(frame, labels, schema)


def delimited_frame(data: DataFile, schema: Schema) -> Any:
    """Return all columns of a CSV file as a data frame.

    Raises
    ------
    InvalidTestSetError
        If it is not one; with the line where there is one.
    MissingExtraError
        Without pandas.
    """
    with needs_extra("tables", purpose="Reading a table"):
        import pandas  # noqa: F401, ICN001 - whether it is here
    separator, header = _layout(data)
    frame = _read_frame(data, header, (), separator=separator, schema=schema)
    return frame.iloc[:, 1:] if has_index(header, schema) else frame


def _layout(data: DataFile) -> tuple[str, list[str]]:
    """Return the delimiter, and the names of the columns."""
    separator = data.separator or _separator_of(data)
    with _reading(data) as stream:
        return separator, _checked_header(stream, separator=separator, data=data)


@contextmanager
def _reading(data: DataFile) -> Iterator[io.TextIOBase]:
    """Open the file as text, and raise if it is not text."""
    try:
        encoding = _encoding(data)
        with _opened(data) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as stream:
            yield stream
    except UnicodeError as error:
        raise InvalidTestSetError(
            problem=f"{data.path}: {_encoding_problem(data) or error}",
            advice="Save it as CSV in UTF-8.",
        ) from error
    except (csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise InvalidTestSetError(problem=f"{data.path} is not a CSV file: {error}") from error


def _opened(data: DataFile) -> io.BufferedReader | gzip.GzipFile:
    return gzip.open(data.path) if data.is_packed else data.path.open("rb")


def _encoding_problem(data: DataFile) -> str:
    with _opened(data) as raw, suppress(OSError, EOFError):
        try:
            as_text(raw.read())
        except DocumentError as problem:
            return str(problem)
    return ""


def _encoding(data: DataFile) -> str:
    with _opened(data) as raw:
        mark = raw.read(2)
    return "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _separator_of(data: DataFile) -> str:
    """Return the delimiter: the one that splits the first lines into equally many cells."""
    if data.form == ".tsv":
        return "\t"
    with _reading(data) as stream:
        lines = list(islice(stream, _SNIFFED_LINES))
    found = {}
    for separator in _SEPARATORS:
        with suppress(csv.Error):
            widths = {len(row) for row in csv.reader(lines[:-1] or lines, delimiter=separator)}
            if len(widths - {0}) == 1 and max(widths) > 1:
                found[separator] = max(widths)
    return max(found, key=lambda each: found[each], default=",")


def _checked_header(stream: io.TextIOBase, *, separator: str, data: DataFile) -> list[str]:
    """Return the names of the columns, after checking that each line has as many cells."""
    reader = csv.reader(stream, delimiter=separator)
    header = next(reader, [])
    for row in reader:
        if row and len(row) != len(header):
            problem = f"has {len(row)} cells, but the header has {len(header)}"
            raise _wrong_line(data, reader.line_num, problem)
    if _are_values(header):
        problem = (
            f"{data.path} has no names of columns: line 1 holds numbers, such as {header[0]!r}"
        )
        raise InvalidTestSetError(problem=problem, advice="Write a line with the names above them.")
    names = []
    for place, name in enumerate(header):
        names.append(name or f"Unnamed: {place}")
        if names.count(names[-1]) > 1:
            raise InvalidTestSetError(problem=f"{data.path} has the column {name!r} twice")
    return names


def _are_values(header: Sequence[str]) -> bool:
    """Return whether a first line is a row. Names may be numbers: distinct integers."""
    try:
        numbers = [float(each) for each in header]
    except ValueError:
        return False
    return not all(map(str.isdecimal, header)) or len({*numbers}) < len(numbers)


def _read_frame(
    data: DataFile, header: Sequence[str], labels: Sequence[str], *, separator: str, schema: Schema
) -> Any:
    import pandas as pd

    features = [name for name in header if name not in labels]
    known = {} if takes_texts(schema) else known_columns(schema, features)
    texts = text_columns(schema, features)
    texts += [name for place, name in enumerate(labels) if labels_are_texts(schema, place)]
    try:
        return pd.read_csv(
            data.path,
            sep=separator,
            decimal=data.decimal,
            encoding=_encoding(data),
            compression="gzip" if data.is_packed else None,
            names=list(header),
            header=0,
            index_col=False,
            dtype=dict.fromkeys(texts, str),
            keep_default_na=False,
            na_values={
                name: [""] if name in labels else _gaps(known.get(name), schema) for name in header
            },
            low_memory=False,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise InvalidTestSetError(problem=f"{data.path} cannot be read: {error}") from error


def _gaps(column: Column | None, schema: Schema) -> list[str]:
    """Return the markers of a missing value in a column, without values that the model knows."""
    if takes_texts(schema):
        return []
    values = column.categories if column else ()
    return sorted(GAPS - {value for value in values if isinstance(value, str)})


def _require_points(frame: Any, labels: Sequence[str], schema: Schema, *, separator: str) -> None:
    """Raise if a column's numbers have decimal commas, and so were read as texts."""
    texts = text_columns(schema, [name for name in frame.columns if name not in labels])
    for name in frame.columns if separator != "," else ():
        values = [] if name in texts else frame[name].dropna().tolist()
        if values and all(isinstance(v, str) and _DECIMAL_COMMA.fullmatch(v) for v in values):
            raise InvalidTestSetError(
                problem=f"the numbers of column {name!r} have a decimal comma, such as "
                f"{values[0]!r}",
                advice="Pass decimal=',' (--decimal ,).",
            )


# --- without pandas ---------------------------------------------------------------------


def _read_numbers(
    data: DataFile, header: Sequence[str], labels: Sequence[str], *, separator: str, schema: Schema
) -> tuple[Any, Any]:
    import numpy as np

    features = [name for name in header if name not in labels]
    places = [header.index(name) for name in (*_taken(features, schema), *labels)]
    with _reading(data) as stream:
        reader = csv.reader(stream, delimiter=separator)
        next(reader)
        rows = [[row[place] for place in places] for row in filter(None, reader)]
    X = np.array([_numbers(row[: -len(labels)]) for row in rows], dtype=float)
    truth = zip(*(row[-len(labels) :] for row in rows), strict=True)
    columns = [
        np.array(each) if labels_are_texts(schema, at) else _labels(each)
        for at, each in enumerate(truth)
    ]
    return X, columns[0] if len(columns) == 1 else np.column_stack(columns or [[]])


def _taken(features: Sequence[str], schema: Schema) -> list[str]:
    """Return the columns that the model takes, in its order, or all but that of an index."""
    if names := known_names(schema):
        order_of(features, names)
        return list(names)
    return list(features[1:] if has_index(features, schema) else features)


def _numbers(row: Sequence[Any]) -> Any:
    import numpy as np

    cells = [_TRUTH.get(cell, cell or "nan") for cell in row]
    try:
        return np.array(cells, dtype=float)
    except ValueError as error:
        purpose = "Reading a test set with other values than numbers"
        raise MissingExtraError(purpose=purpose, extra="tables") from error


def _labels(values: Sequence[str]) -> Any:
    """Return labels as booleans, integers or numbers if all are of that type, else as text."""
    import numpy as np

    if values and _TRUTH.keys() >= set(values):
        return np.array([_TRUTH[value] for value in values])
    labels = np.array(values)
    with suppress(ValueError):
        return labels.astype(int)
    with suppress(ValueError):
        return labels.astype(float)
    return labels


def _wrong_line(data: DataFile, line: int, problem: str) -> InvalidTestSetError:
    return InvalidTestSetError(problem=f"line {line} of {data.path} {problem}")
