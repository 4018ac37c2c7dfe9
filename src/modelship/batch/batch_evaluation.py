"""Evaluate the predictions that a job has written, where the true values are next to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from modelship.batch.answer_files import answer_columns_in, output_tables
from modelship.batch.batch_status import read_job
from modelship.errors import BatchOutputError, nearest
from modelship.evaluation import Evaluator, Predictions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Literal

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry
    from modelship.evaluation import Report

__all__ = ["evaluate_output"]

_PROBABILITY: Final = "probability_"
_MOST_CELLS: Final = 5_000_000


def evaluate_output(
    output: str | Path,
    *,
    label: str | Sequence[str],
    task: Literal["classification", "regression"] | None = None,
) -> Report:
    """Return the metrics of the predictions that a job has written.

    Rows that failed have no prediction, and are not part of it.

    Parameters
    ----------
    output : str or Path
        The folder of the output.
    label : str or Sequence[str]
        The columns of the input with the true values; as many as the model has outputs.
    task : {"classification", "regression"}, optional
        The meaning of the labels; by default, fractional numbers are quantities.

    Raises
    ------
    BatchOutputError
        If the folder is not the output of a batch job, or has no such column.
    InvalidTestSetError, PredictionError
        If the labels and the predictions do not fit.
    MissingExtraError
        Without scikit-learn.
    """
    labels = (label,) if isinstance(label, str) else tuple(label)
    plan, entries = read_job(output)
    table = _rows(output, plan, entries)
    for each in labels:
        _require_column(each, table.column_names, output)
    names = answer_columns_in(table.column_names, plan)
    y = _array(table, labels)
    values = _array(table, [each for each in names if not each.startswith(_PROBABILITY)])
    answers = _with_probabilities(table, names, values, y)
    X = _inputs(table.drop_columns([*labels, *names]))
    evaluator = Evaluator(X, y, task=task, batch_size=len(y), progress=False)
    return evaluator.evaluate(lambda _rows: answers)


def _rows(output: str | Path, plan: BatchPlan, entries: Sequence[Entry]) -> pa.Table:
    tables = [table for _, table in output_tables(output, plan, entries)]
    if not tables:
        raise BatchOutputError(str(output), "it has no rows yet", "Run the job first.")
    return pa.concat_tables(tables, promote_options="permissive")


def _require_column(name: str, known: Sequence[str], output: str | Path) -> None:
    if name not in known:
        problem = f"its rows have no column {name!r}{nearest(name, known)}"
        advice = "Name a column of the input that the output has too; by default it has all."
        raise BatchOutputError(str(output), problem, advice)


def _array(table: pa.Table, names: Sequence[str]) -> Any:
    import numpy as np

    columns = [table.column(each).to_numpy() for each in names]
    return columns[0] if len(columns) == 1 else np.column_stack(columns)


def _with_probabilities(table: pa.Table, names: Sequence[str], values: Any, y: Any) -> Predictions:
    found = [each for each in names if each.startswith(_PROBABILITY)]
    if not found or values.ndim > 1:
        return Predictions(values)
    classes: list[Any] = [each.removeprefix(_PROBABILITY) for each in found]
    if y.dtype.kind in "iuf":
        classes = [float(each) for each in classes]
    return Predictions(values, _array(table, found).reshape(len(y), -1), classes)


def _inputs(table: pa.Table) -> Any:
    """Return the rows for the report; only their positions if they are many."""
    import numpy as np

    if table.num_columns and table.num_rows * table.num_columns <= _MOST_CELLS:
        return table.to_pandas()
    return np.arange(table.num_rows).reshape(-1, 1)
