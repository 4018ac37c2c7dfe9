"""The data sets: rows as files, the model that scores them, and the bundle for modelship."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import modelship as ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DATA_SETS", "DataSet", "Effort"]

FILE_ROWS = 5_000
GROUP_ROWS = 25_000
TABLE_FILE_ROWS = 100_000
NUMBERS = [f"number_{at}" for at in range(12)]
TEXTS = [f"text_{at}" for at in range(6)]
DATES = [f"date_{at}" for at in range(2)]
PIXELS = [f"pixel_{at}" for at in range(784)]
MEASURED = [f"measured_{at}" for at in range(10)]


@dataclass(frozen=True)
class Effort:
    """How many rows the data sets have.

    Parameters
    ----------
    images, table, wide : int
        Those of MNIST, of the table of 20 columns, and of the synthetic rows for scale.
    """

    images: int = 60_000
    table: int = 1_600_000
    synthetic: int = 1_000_000


@dataclass(frozen=True)
class DataSet:
    """Rows in files of one format, with a model; made once in its folder.

    Parameters
    ----------
    name : str
        Its name.
    title : str
        What it is, for a table.
    format : str
        ``"parquet"`` or ``"csv"``.
    form : str
        What the model takes; see ``apps/scored_rows.py``.
    columns : list[str]
        The columns of the model's input.
    tables : Callable
        Yields the rows, a pyarrow.Table for each file, for a number of rows.
    model : Callable
        Returns a fitted model, and a sample of its input.
    effort : str
        The field of :class:`Effort` with the number of rows.
    is_predict_bound : bool
        Whether the prediction takes far longer than reading and writing.
    """

    name: str
    title: str
    format: str
    form: str
    columns: tuple[str, ...]
    tables: Callable[[int], Iterator[pa.Table]]
    model: Callable[[], tuple[object, object]]
    effort: str
    is_predict_bound: bool = False

    def prepare(self, folder: Path, effort: Effort) -> Prepared:
        """Write the files, fit the model, and make the bundle."""
        place = folder / f"{self.name}-{getattr(effort, self.effort)}"
        place.mkdir(parents=True, exist_ok=True)
        prepared = Prepared(self, place, getattr(effort, self.effort))
        if not (place / "ready").exists():
            prepared.write()
            (place / "ready").touch()
        return prepared


@dataclass(frozen=True)
class Prepared:
    """A data set in its folder."""

    data: DataSet
    folder: Path
    rows: int

    def write(self) -> None:
        """Write the files of the input, and the model."""
        (self.folder / "input").mkdir(exist_ok=True)
        for number, table in enumerate(self.data.tables(self.rows)):
            target = self.folder / "input" / f"part-{number:04}.{self.data.format}"
            if self.data.format == "csv":
                pc.write_csv(table, target)
            else:
                pq.write_table(table, target, row_group_size=GROUP_ROWS)
        model, sample = self.data.model()
        joblib.dump(model, self.model_path)
        joblib.dump(sample, self.folder / "sample.joblib")

    def first(self) -> Prepared:
        """Return the rows of the first file alone, as a data set: they cost what the start does."""
        place = self.folder / "first"
        first = self.inputs[0]
        target = place / "input" / first.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.link(first, target)
            for name in ("model.joblib", "sample.joblib"):
                os.link(self.folder / name, place / name)
        rows = _rows_of(target)
        return Prepared(replace(self.data, name=f"{self.data.name}:first"), place, rows)

    @property
    def model_path(self) -> Path:
        """The file of the model."""
        return self.folder / "model.joblib"

    @property
    def inputs(self) -> list[Path]:
        """The files of the input."""
        return sorted((self.folder / "input").iterdir())

    @property
    def size_bytes(self) -> int:
        """The size of the input."""
        return sum(each.stat().st_size for each in self.inputs)

    @cached_property
    def bundle(self) -> ms.ScoringBundle:
        """The bundle: a script that modelship generates for the model."""
        model = ms.ModelSource.open(joblib.load(self.model_path), name="model")
        return ms.ScoringBundle(
            model.fetch(self.folder / "models"),
            sample_input=joblib.load(self.folder / "sample.joblib"),
        )

    def saved_bundle(self) -> Path:
        """Return the folder of the bundle, locked once."""
        place = self.folder / "bundle"
        if not place.exists():
            self.bundle.save(place)
        return place

    def task(self, output: Path, *, workers: int) -> str:
        """Return the task of the contestants, as JSON."""
        inputs = [str(each) for each in self.inputs]
        return json.dumps({
            "model": str(self.model_path), "form": self.data.form, "columns": self.data.columns,
            "format": self.data.format, "folder": str(self.folder / "input"), "inputs": inputs,
            "output": str(output), "workers": workers,
        })  # fmt: skip


def _rows_of(file: Path) -> int:
    """Return how many rows a file has."""
    if file.suffix == ".csv":
        return pc.read_csv(file).num_rows
    return pq.read_metadata(file).num_rows


# --- MNIST ----------------------------------------------------------------------------------------


def _idx(name: str, *, offset: int) -> np.ndarray:
    content = Path(os.environ["MODELSHIP_MNIST_DIR"], name).read_bytes()
    return np.frombuffer(gzip.decompress(content), dtype=np.uint8, offset=offset)


def images(part: str) -> np.ndarray:
    """Return MNIST's images, or digits of scikit-learn where MNIST is not; from 0 to 1.

    Four decimals are enough for 256 values, and CSV is no longer than it has to be.
    """
    if os.environ.get("MODELSHIP_MNIST_DIR"):
        pixels = _idx(f"{part}-images-idx3-ubyte.gz", offset=16).reshape(-1, 784)
        return np.round(pixels / 255.0, 4)
    from sklearn.datasets import load_digits

    return np.tile(load_digits().data, 13)[:, :784] / 16.0


def labels() -> np.ndarray:
    """Return the labels of the images of the part ``train``."""
    if os.environ.get("MODELSHIP_MNIST_DIR"):
        return _idx("train-labels-idx1-ubyte.gz", offset=8)
    from sklearn.datasets import load_digits

    return load_digits().target


def digits_model() -> tuple[object, object]:
    """Return a LogisticRegression of 5,000 images, and a sample."""
    X, y = images("train")[:5000], labels()[:5000]
    return LogisticRegression(max_iter=60).fit(X, y.astype(np.int64)), X[:20]


def pixel_columns(rows: int) -> Iterator[pa.Table]:
    """Yield images with a column for each pixel."""
    for X in _parts(images("train"), rows):
        yield pa.Table.from_arrays(list(np.ascontiguousarray(X.T)), names=PIXELS)


def pixel_lists(rows: int) -> Iterator[pa.Table]:
    """Yield images as one column of lists of a fixed size."""
    for X in _parts(images("train"), rows):
        column = pa.FixedSizeListArray.from_arrays(pa.array(X.reshape(-1)), 784)
        yield pa.table({"image": column})


def _parts(X: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    for start in range(0, rows, FILE_ROWS):
        yield X[np.arange(start, min(start + FILE_ROWS, rows)) % len(X)]


# --- a table of mixed types -----------------------------------------------------------------------


def mixed_frame(rows: int, seed: int) -> pd.DataFrame:
    """Return 20 columns: numbers, texts and dates."""
    rng = np.random.default_rng(seed)
    numbers = {name: rng.normal(size=rows).round(3) for name in NUMBERS}
    texts = {name: rng.choice(["red", "green", "blue", "white"], rows) for name in TEXTS}
    start = pd.Timestamp(2024, 1, 1)
    dates = {name: start + pd.to_timedelta(rng.integers(0, 900, rows), "D") for name in DATES}
    return pd.DataFrame({**numbers, **texts, **dates})


def mixed_tables(rows: int) -> Iterator[pa.Table]:
    """Yield rows of mixed types."""
    for start in range(0, rows, TABLE_FILE_ROWS):
        frame = mixed_frame(min(TABLE_FILE_ROWS, rows - start), start)
        yield pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()


def mixed_model() -> tuple[object, object]:
    """Return a pipeline of two transformers and a LogisticRegression, and a sample."""
    X = mixed_frame(5000, -1 % 2**32)
    y = (X["number_0"] + (X["text_0"] == "red") > 0).astype(np.int64)
    mixed = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), TEXTS), (StandardScaler(), NUMBERS)
    )
    return make_pipeline(mixed, LogisticRegression()).fit(X, y), X.head(50)


# --- synthetic rows -------------------------------------------------------------------------------


def measured_frame(rows: int, first: int) -> pd.DataFrame:
    """Return the position of each row, from `first`, and 10 columns of numbers."""
    rng = np.random.default_rng(first)
    numbers = {name: rng.normal(size=rows).round(2) for name in MEASURED}
    return pd.DataFrame({"row": np.arange(first, first + rows), **numbers})


def measured_tables(rows: int) -> Iterator[pa.Table]:
    """Yield synthetic rows, which are numbered."""
    for start in range(0, rows, 2 * TABLE_FILE_ROWS):
        frame = measured_frame(min(2 * TABLE_FILE_ROWS, rows - start), start)
        yield pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()


def trees_model() -> tuple[object, object]:
    """Return boosted trees, which predict slowly, and a sample."""
    X = measured_frame(5000, 0)
    y = (X["measured_0"] * X["measured_1"] > 0).astype(np.int64)
    return HistGradientBoostingClassifier(max_iter=100).fit(X, y), X.head(50)


DATA_SETS = (
    DataSet(
        "mnist-columns", "MNIST, Parquet, 784 columns", "parquet", "matrix", tuple(PIXELS),
        pixel_columns, digits_model, "images",
    ),
    DataSet(
        "mnist-list", "MNIST, Parquet, a column of lists", "parquet", "list", ("image",),
        pixel_lists, digits_model, "images",
    ),
    DataSet(
        "mnist-csv", "MNIST, CSV", "csv", "matrix", tuple(PIXELS),
        pixel_columns, digits_model, "images",
    ),
    DataSet(
        "table", "20 mixed columns, Parquet", "parquet", "frame", (*NUMBERS, *TEXTS, *DATES),
        mixed_tables, mixed_model, "table",
    ),
    DataSet(
        "table-csv", "20 mixed columns, CSV", "csv", "frame", (*NUMBERS, *TEXTS, *DATES),
        mixed_tables, mixed_model, "table",
    ),
    DataSet(
        "synthetic", "synthetic rows, boosted trees, Parquet", "parquet", "frame",
        ("row", *MEASURED), measured_tables, trees_model, "synthetic", is_predict_bound=True,
    ),
)  # fmt: skip
