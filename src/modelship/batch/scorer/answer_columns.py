"""Convert what run() returned to columns, with one value for each row."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["RowCountError", "columns_of_answer"]


class RowCountError(ValueError):
    """An answer does not have one value for each row."""


def columns_of_answer(answer: Any, *, rows: int) -> tuple[list[dict[str, Any]], bytes]:
    """Return the header and the bytes of the columns of an answer.

    Raises
    ------
    RowCountError
        If it does not have one value for each row.
    """
    if isinstance(answer, (str, bytes)):
        answer = json.loads(answer)
    columns = answer if isinstance(answer, dict) else {"prediction": answer}
    header, parts, at = [], [], 0
    for name, values in columns.items():
        if not hasattr(values, "__len__") or len(values) != rows:
            found = len(values) if hasattr(values, "__len__") else type(values).__name__
            raise RowCountError(f"run() returned {found} values for {rows} rows")
        dtype = getattr(values, "dtype", None)
        if dtype is not None and dtype.kind in "iuf" and values.ndim == 1:
            part, kind = values.tobytes(), dtype.str
        else:
            plain = values.tolist() if dtype is not None else list(values)
            part, kind = json.dumps(plain).encode(), "json"
        header.append({"name": name, "dtype": kind, "at": at, "bytes": len(part)})
        parts.append(part)
        at += len(part)
    return header, b"".join(parts)
