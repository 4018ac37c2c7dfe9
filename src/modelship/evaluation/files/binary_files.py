"""Read test sets from NumPy and Parquet files."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from modelship.errors import InvalidTestSetError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.files.splitting import label_columns, split

if TYPE_CHECKING:
    from modelship.evaluation.files.datafile import DataFile
    from modelship.tables.schema import Schema

__all__ = ["parquet_frame", "read_npz", "read_parquet"]


def read_npz(data: DataFile, _schema: Schema) -> tuple[Any, Any]:
    """Return the arrays X and y; an object array, which could run code, is not read.

    Raises
    ------
    InvalidTestSetError
        If they are missing, or cannot be read.
    """
    import numpy as np

    try:
        with np.load(data.path, allow_pickle=False) as arrays:
            if missing := [key for key in ("X", "y") if key not in arrays.files]:
                holds = ", ".join(arrays.files) or "nothing"
                problem = f"{data.path} holds {holds}, but lacks {' and '.join(missing)}"
                raise InvalidTestSetError(problem=problem)
            return arrays["X"], arrays["y"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidTestSetError(problem=f"{data.path} cannot be read: {error}") from error


def read_parquet(data: DataFile, schema: Schema) -> tuple[Any, Any]:
    """Return X and y of a Parquet file; a named index is one of its columns.

    Raises
    ------
    InvalidTestSetError
        If it is not one, or has no column with y.
    MissingExtraError
        Without pandas and pyarrow.
    """
    frame = parquet_frame(data, schema)
    labels = label_columns(list(frame.columns), asked=data.labels, schema=schema, file=data.path)
    return split(frame, labels, schema)


def parquet_frame(data: DataFile, schema: Schema) -> Any:
    """Return the data frame in a Parquet file, with a named index among its columns.

    Raises
    ------
    InvalidTestSetError
        If it is not a Parquet file.
    MissingExtraError
        Without pandas and pyarrow.
    """
    with needs_extra("tables", purpose="Reading Parquet"):
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet
    try:
        frame = pd.read_parquet(data.path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidTestSetError(problem=f"{data.path} cannot be read: {error}") from error
    for name in _lost_categories(data, frame, are_known=bool(schema.groups)):
        frame[name] = frame[name].astype("category")
    if frame.index.names != [None]:
        frame = frame.reset_index()
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _lost_categories(data: DataFile, frame: Any, *, are_known: bool) -> list[str]:
    """Return which columns were numeric categories, of which Parquet keeps only the numbers.

    The metadata that pandas writes into the file records it, and the number of categories: all have
    to be present, unless the model's file lists them.
    """
    import pyarrow.parquet

    written = pyarrow.parquet.read_schema(data.path).pandas_metadata or {}
    lost = {
        each["name"]: (each.get("metadata") or {}).get("num_categories")
        for each in written.get("columns", ())
        if each.get("pandas_type") == "categorical" and each.get("name") in frame.columns
        if str(frame[each["name"]].dtype) != "category"
    }
    return [name for name, count in lost.items() if are_known or frame[name].nunique() == count]
