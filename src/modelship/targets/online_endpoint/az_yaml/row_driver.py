"""Score the rows of files with the run() of an online service: a copy of it is next to a script.

It needs only the standard library; pyarrow reads Parquet files, and numpy .npy files.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RowDriver", "columns_of", "rows_of"]

# What stands for a missing value in CSV files, as pyarrow reads them.
_MISSING = frozenset(
    (
        *(
            "",
            "#N/A",
            "#N/A N/A",
            "#NA",
            "-1.#IND",
            "-1.#QNAN",
            "-NaN",
            "-nan",
            "1.#IND",
            "1.#QNAN",
        ),
        *("N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"),
    )
)
_SWITCHES = {"true": True, "false": False, "True": True, "False": False}
_PLURAL = {"predictions": "prediction", "probabilities": "probability"}
_FAILED = 400


class RowDriver:
    """Calls run() with the rows of files.

    Parameters
    ----------
    run : Callable
        The function of the script, as the online service calls it.
    key : str
        The key of the rows in the body of a request; ``""`` if the body is the rows.
    rows : {"rows", "records"}
        Whether a row is a list of values, or an object by column.
    rows_per_call : int
        How many rows a body has.
    text_columns : tuple of str
        Columns of CSV files that hold text, whatever it looks like.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        *,
        key: str,
        rows: str,
        rows_per_call: int,
        text_columns: tuple[str, ...] = (),
    ) -> None:
        self._run = run
        self._key = key
        self._as_records = rows == "records"
        self._size = rows_per_call
        self._text = frozenset(text_columns)

    def score(self, paths: list[str]) -> list[str]:
        """Return a line of JSON for each row: its file, its position there, and the predictions."""
        lines: list[str] = []
        for path in paths:
            name, rows = Path(path).name, rows_of(path, text=self._text)
            for start in range(0, len(rows), self._size):
                found = self._answers(rows[start : start + self._size])
                lines += [
                    json.dumps({"file": name, "row": start + at, **each})
                    for at, each in enumerate(found)
                ]
        return lines

    def _answers(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        given = rows if self._as_records else [list(each.values()) for each in rows]
        body: Any = {self._key: given} if self._key else given
        by_name = _has_schema(self._run)
        answer = self._run(**body) if by_name else self._run(json.dumps(body))
        columns = columns_of(_plain(answer), rows=len(rows))
        return [dict(zip(columns, each)) for each in zip(*columns.values())]  # noqa: B905 - Python 3.8


def _has_schema(run: Callable[..., Any]) -> bool:
    if "inference_schema" not in sys.modules:
        return False
    from inference_schema.schema_util import is_schema_decorated

    return bool(is_schema_decorated(run))


def _plain(answer: Any) -> Any:
    """Return the value of an answer: of JSON text, an AMLResponse, or an array."""
    if hasattr(answer, "get_data"):
        if getattr(answer, "status_code", 200) >= _FAILED:
            raise ValueError(f"run() answered {answer.status_code}: {answer.get_data()[:500]!r}")
        answer = answer.get_data()
    if isinstance(answer, (str, bytes)):
        answer = json.loads(answer)
    return answer.tolist() if hasattr(answer, "tolist") else answer


def columns_of(answer: Any, *, rows: int) -> dict[str, list[Any]]:
    """Return an answer as columns.

    Raises
    ------
    ValueError
        If it does not have one value for each row.
    """
    if isinstance(answer, dict):
        found = _of_object(answer)
    elif isinstance(answer, list) and answer and all(isinstance(e, dict) for e in answer):
        found = {str(key): [each.get(key) for each in answer] for key in answer[0]}
    else:
        found = _of_values("prediction", answer)
    for name, values in found.items():
        if not isinstance(values, list) or len(values) != rows:
            what = len(values) if isinstance(values, list) else type(values).__name__
            raise ValueError(f"run() returned {what} values as {name} for {rows} rows")
    if not found:
        raise ValueError(f"run() returned no values for {rows} rows")
    return found


def _of_object(answer: dict[str, Any]) -> dict[str, list[Any]]:
    classes = answer.get("classes") if "probabilities" in answer else None
    found: dict[str, list[Any]] = {}
    for key, value in answer.items():
        plain = value.tolist() if hasattr(value, "tolist") else value
        if key == "classes" and classes is not None:
            continue
        names = classes if key == "probabilities" else None
        found.update(_of_values(_PLURAL.get(key, key), plain, names=names))
    return found


def _of_values(name: str, values: Any, *, names: Any = None) -> dict[str, Any]:
    """Return the columns of a list; a list of lists of the same length has several."""
    if not isinstance(values, list) or not values:
        return {name: values}
    widths = {len(each) if isinstance(each, list) else -1 for each in values}
    if len(widths) > 1 or -1 in widths:
        return {name: values}
    width = widths.pop()
    given = names if isinstance(names, list) and len(names) == width else range(width)
    return {f"{name}_{each}": [row[at] for row in values] for at, each in enumerate(given)}


# --- files ----------------------------------------------------------------------------------------


def rows_of(path: str, *, text: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """Return the rows of a file as objects by column.

    Raises
    ------
    ValueError
        If it is not a CSV, JSON lines, Parquet or .npy file.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"{path} is no table; expected one of {', '.join(_READERS)}")
    return _READERS[suffix](path, text)


def _csv(path: str, text: frozenset[str]) -> list[dict[str, Any]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter="\t" if path.lower().endswith(".tsv") else ",")
        names = next(lines, [])
        rows = [each for each in lines if each]
    for at, each in enumerate(rows):
        if len(each) != len(names):
            raise ValueError(f"row {at} of {path} has {len(each)} values, and {len(names)} columns")
    columns = [
        list(each) if name in text else _typed(each)
        for name, each in zip(names, zip(*rows))  # noqa: B905 - Python 3.8
    ]
    return [dict(zip(names, each)) for each in zip(*columns)]  # noqa: B905 - as above


def _typed(column: tuple[str, ...]) -> list[Any]:
    """Return the values of a column: all are whole numbers, numbers, booleans or texts."""
    reads: list[Callable[[str], Any]] = [int, float, _SWITCHES.__getitem__]
    found = (_all_read(column, read) for read in reads)
    return next((each for each in found if each is not None), list(column))


def _all_read(column: tuple[str, ...], read: Callable[[str], Any]) -> list[Any] | None:
    try:
        return [None if each in _MISSING else read(each) for each in column]
    except (ValueError, KeyError):
        return None


def _json_lines(path: str, _text: frozenset[str]) -> list[dict[str, Any]]:
    with Path(path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _parquet(path: str, _text: frozenset[str]) -> list[dict[str, Any]]:
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def _npy(path: str, _text: frozenset[str]) -> list[dict[str, Any]]:
    import numpy as np

    rows = np.load(path, allow_pickle=False).tolist()
    lists = [row if isinstance(row, list) else [row] for row in rows]
    return [{str(at): value for at, value in enumerate(row)} for row in lists]


_READERS: dict[str, Callable[[str, frozenset[str]], list[dict[str, Any]]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
    ".pq": _parquet,
    ".npy": _npy,
}
