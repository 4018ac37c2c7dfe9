"""Test sets in NumPy's archives and in Parquet."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from modelship.errors import InvalidTestSetError
from modelship.evaluation.extras import needs_extra
from modelship.evaluation.files.splitting import label_columns, split

if TYPE_CHECKING:
    from modelship.evaluation.files.datafile import DataFile
    from modelship.tables.schema import Schema

__all__ = ["read_npz", "read_parquet"]


def read_npz(data: DataFile, _schema: Schema) -> tuple[Any, Any]:
    """Return the arrays X and y; an array of objects, which could run code, is not read.

    Raises
    ------
    InvalidTestSetError
        If they are not there, or cannot be read.
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
    """Return X and y of a Parquet file; an index with a name is a column of it.

    Raises
    ------
    InvalidTestSetError
        If it is none, or has no column with y.
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
    if frame.index.names != [None]:
        frame = frame.reset_index()
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    labels = label_columns(list(frame.columns), asked=data.labels, schema=schema, file=data.path)
    return split(frame, labels, schema)
