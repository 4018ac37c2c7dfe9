"""What every contestant does with rows: read a file, predict, write the file with the predictions.

It runs in the environment of each contestant, and needs scikit-learn, pyarrow and pandas alone.
"""

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import joblib
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

__all__ = ["Task", "append_predictions", "model_of", "read", "write"]


@dataclass(frozen=True)
class Task:
    """What a contestant is to do; a file of JSON says it.

    Parameters
    ----------
    model : str
        The file of the model.
    form : str
        What the model takes: ``"matrix"`` from a column each, ``"list"`` from one column of lists
        of a fixed size, ``"frame"`` for a DataFrame.
    columns : list[str]
        The columns that the model takes.
    format : str
        ``"parquet"`` or ``"csv"``, of the input and of the output.
    folder : str
        The folder of the input, with files of that format.
    inputs : list[str]
        Its files.
    output : str
        The folder for the output.
    workers : int
        How many processes predict.
    """

    model: str
    form: str
    columns: list[str]
    format: str
    folder: str
    inputs: list[str]
    output: str
    workers: int

    @staticmethod
    def load() -> "Task":
        """Return the task that the command line names."""
        return Task(**json.loads(Path(sys.argv[1]).read_text()))

    def score_file(self, path):
        """Score a file of the input, and return how many rows it has."""
        table = append_predictions(read(path, self.format), self)
        write(table, Path(self.output, Path(path).name), self.format)
        return table.num_rows


@cache
def model_of(path):
    """Return the model, which is loaded once in each process."""
    return joblib.load(path)


def read(path, kind):
    """Return the rows of a file."""
    if kind == "csv":
        return pc.read_csv(path, read_options=pc.ReadOptions(use_threads=False))
    return pq.read_table(path, use_threads=False)


def write(table, path, kind):
    """Write rows to a file."""
    if kind == "csv":
        pc.write_csv(table, path)
    else:
        pq.write_table(table, path)


def append_predictions(table, task):
    """Return rows with what the model predicts for them."""
    predictions = model_of(task.model).predict(_input(table, task))
    return table.append_column("prediction", pa.array(predictions))


def _input(table, task):
    """Return what the model takes."""
    if task.form == "frame":
        return table.select(task.columns).to_pandas()
    if task.form == "list":
        column = table.column(task.columns[0]).combine_chunks()
        return column.flatten().to_numpy().reshape(len(column), -1)
    # In pandas, columns of one type are one block.
    return table.select(task.columns).to_pandas().to_numpy()
