"""Read a sample request from a table file, which keeps the dtypes that JSON lacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidTestSetError, SampleInputError
from modelship.evaluation.files.binary_files import parquet_frame
from modelship.evaluation.files.datafile import DataFile
from modelship.evaluation.files.delimited import delimited_frame
from modelship.evaluation.files.splitting import as_fitted
from modelship.evaluation.matching import known_names, matched, schema_with_groups
from modelship.tables.plain import is_frame

if TYPE_CHECKING:
    from modelship.tables.schema import Schema

__all__ = ["sample_of"]

_MOST_ROWS: Final = 100


def sample_of(path: str, schema: Schema, *, is_whole: bool) -> Any:
    """Return the first rows of a table in a file as a sample request.

    Parameters
    ----------
    path : str
        A Parquet or CSV file.
    schema : Schema
        What is known of the model: types that a CSV file lacks are those that the model was fitted
        on.
    is_whole : bool
        Whether to include all columns. Otherwise only those that the model was fitted on are
        included, if they are all present: a column with y does no harm.

    Returns
    -------
    DataFrame or dict
        The first 100 rows; ``{"data": rows}`` of a model that was fitted on an array.

    Raises
    ------
    SampleInputError
        If it contains no table, or values of another type than the model takes.
    InvalidOptionError
        If there is no such file, or it is of another format.
    MissingExtraError
        If reading it needs a library that is not installed.
    """
    data = DataFile(Path(path), option="sample_input")
    try:
        frame = _frame(data, schema)
        if is_whole:
            return frame
        names = known_names(schema)
        if names and set(names) <= set(frame.columns):
            return frame[list(names)]
        rows = frame if names else matched(frame, schema)
    except InvalidTestSetError as error:
        raise SampleInputError(error.problem, error.advice) from error
    if is_frame(rows):
        return rows
    if schema.width not in (None, rows.shape[1]):
        problem = f"{path} has {rows.shape[1]} columns, and the model takes {schema.width}"
        raise SampleInputError(problem, "Leave out the columns that it does not take.")
    return {"data": rows}


def _frame(data: DataFile, schema: Schema) -> Any:
    if data.form == ".parquet":
        return as_fitted(parquet_frame(data, schema).head(_MOST_ROWS), schema)
    frame = delimited_frame(data, schema).head(_MOST_ROWS)
    if schema.groups and not (completed := schema_with_groups(schema, frame)).groups:
        return _frame(data, completed)
    return as_fitted(frame, schema)
