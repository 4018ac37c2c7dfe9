"""Reading a test set from a file: X and y out of .npz, .csv or .json."""

from __future__ import annotations

import csv
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError, InvalidTestSetError, MissingExtraError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_test_set"]

_TRUTH: Final = {"True": True, "False": False}
"""How pandas writes truth values into a CSV file."""


def read_test_set(
    path: str | Path, *, label: str | None = None, option: str = "--data"
) -> tuple[Any, Any]:
    """Return X and y as arrays.

    Parameters
    ----------
    path : str or Path
        ``.npz`` with the arrays X and y; ``.csv`` with a header; or ``.json`` with
        ``{"X": [...], "y": [...]}``.
    label : str, optional
        The column of a CSV file that holds y. Without it the last one does.
    option : str
        What the path was given with, for the message of an error.

    Returns
    -------
    X, y : numpy.ndarray
        Of shapes (n, ...) and (n,).

    Raises
    ------
    InvalidOptionError
        If there is no such file, or it has another suffix.
    InvalidTestSetError
        If the file does not hold X and y; with the line where there is one.
    MissingExtraError
        If NumPy is not installed.
    """
    file = Path(path)
    readers = {".npz": _read_npz, ".json": _read_json}
    if not file.is_file() or file.suffix.lower() not in {*readers, ".csv"}:
        raise InvalidOptionError(
            option=option, found=str(path), expected="an existing .npz, .csv or .json file"
        )
    if label is not None and file.suffix.lower() != ".csv":
        flag = "--label" if option == "--data" else f"{option}-label"
        raise InvalidOptionError(option=flag, found=label, expected="a .csv file with it")
    try:
        import numpy as np  # noqa: F401 - only to say early and clearly that it is missing
    except ImportError as error:
        raise MissingExtraError(purpose="Reading a test set", extra="sklearn") from error
    reader = readers.get(file.suffix.lower())
    return reader(file) if reader else _read_csv(file, label=label)


def _read_npz(file: Path) -> tuple[Any, Any]:
    import numpy as np

    try:
        with np.load(file, allow_pickle=False) as arrays:
            _require_keys(file, arrays.files)
            return arrays["X"], arrays["y"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidTestSetError(problem=f"{file} cannot be read: {error}") from error


def _read_json(file: Path) -> tuple[Any, Any]:
    import numpy as np

    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise InvalidTestSetError(problem=f"{file} is not JSON: {error}") from error
    if not isinstance(document, dict):
        problem = (
            f'{file} holds a {type(document).__name__}, but {{"X": [...], "y": [...]}} is needed'
        )
        raise InvalidTestSetError(problem=problem)
    _require_keys(file, list(document))
    try:
        return np.array(document["X"]), np.array(document["y"])
    except ValueError as error:
        problem = f"the rows of X in {file} are not all of one length"
        raise InvalidTestSetError(problem=problem) from error


def _require_keys(file: Path, found: Sequence[str]) -> None:
    if missing := [key for key in ("X", "y") if key not in found]:
        holds = ", ".join(found) or "nothing"
        problem = f"{file} holds {holds}, but lacks {' and '.join(missing)}"
        raise InvalidTestSetError(problem=problem)


def _read_csv(file: Path, *, label: str | None) -> tuple[Any, Any]:
    import numpy as np

    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        try:
            header = next(reader, [])
            column = _label_column(header, label=label, file=file)
            rows, y = [], []
            for row in reader:
                if len(row) != len(header):
                    problem = f"has {len(row)} cells, but the header has {len(header)}"
                    raise _wrong_line(file, reader.line_num, problem)
                y.append(row.pop(column))
                rows.append(_numbers(row, file=file, line=reader.line_num))
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidTestSetError(problem=f"{file} is not a CSV file: {error}") from error
    return np.array(rows, dtype=float), _labels(y)


def _label_column(header: Sequence[str], *, label: str | None, file: Path) -> int:
    if len(header) < 2:  # noqa: PLR2004 - one column for X, one for y
        problem = f"{file} needs a header with two columns or more"
        raise InvalidTestSetError(problem=problem)
    if label is None:
        return len(header) - 1
    if label not in header:
        problem = f"{file} has no column {label!r}{nearest(label, header)}"
        raise InvalidTestSetError(problem=problem)
    return header.index(label)


def _numbers(row: Sequence[Any], *, file: Path, line: int) -> Any:
    import numpy as np

    try:
        return np.array(row, dtype=float)
    except ValueError:
        row = [_TRUTH.get(cell, cell) for cell in row]
    try:
        return np.array(row, dtype=float)
    except ValueError as error:
        raise _wrong_line(file, line, f"holds something else than numbers; {error}") from error


def _labels(values: Sequence[str]) -> Any:
    """Return labels as truth values, integers or numbers if all are of that kind, else as text."""
    import numpy as np

    if values and _TRUTH.keys() >= set(values):
        return np.array([_TRUTH[value] for value in values])
    labels = np.array(values)
    with suppress(ValueError):
        return labels.astype(int)
    with suppress(ValueError):
        return labels.astype(float)
    return labels


def _wrong_line(file: Path, line: int, problem: str) -> InvalidTestSetError:
    return InvalidTestSetError(problem=f"line {line} of {file} {problem}")
