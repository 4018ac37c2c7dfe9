"""What is compared, the environment of each, and the check that their output is equal."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.dataset as pds
from environments import build, clean_environ

if TYPE_CHECKING:
    from batch_data import Prepared

__all__ = ["CONTESTANTS", "Contestant", "digest_of", "environ_of"]

APPS = Path(__file__).parent / "apps"
COMMON = ("scikit-learn==1.9.1", "numpy==2.4.6", "pandas==3.1.1", "pyarrow==26.0.1", "joblib")
REQUIREMENTS = {
    "bare": COMMON,
    "dask": (*COMMON, "dask==2026.8.0", "distributed==2026.8.0"),
    "ray": (*COMMON, "ray[data]==2.60.0"),
    "spark": (*COMMON, "pyspark==4.3.0"),
}
# One thread for each process, so that nobody wins by taking more cores. Arrow reads the first.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "ARROW_IO_THREADS": "1", "POLARS_MAX_THREADS": "1",
}  # fmt: skip
ALIKE = 8


@dataclass(frozen=True)
class Contestant:
    """One way to score the files of a data set.

    Parameters
    ----------
    name, title : str
        Its name, and how it is named in a table.
    environment : str
        A key of `REQUIREMENTS`; ``""`` for that of this process.
    app : str
        Its script in ``apps``.
    """

    name: str
    title: str
    environment: str
    app: str

    @property
    def is_ours(self) -> bool:
        """Whether it is modelship."""
        return not self.environment

    def missing(self) -> str:
        """Return why it is not available; ``""`` if it is."""
        if self.is_ours and not importlib.util.find_spec("modelship.batch.batch_job"):
            return "modelship.batch.batch_job cannot be imported"
        if self.environment == "spark" and not shutil.which("java"):
            return "Java is not installed (apt-get install openjdk-17-jre-headless)"
        return ""

    def python(self, cache: Path) -> Path:
        """Return the Python of its environment, which is made where it is new."""
        if self.is_ours:
            return Path(sys.executable)
        packages = REQUIREMENTS[self.environment]
        return build(f"batch-{self.environment}", version="3.11", cache=cache, packages=packages)

    def command(self, data: Prepared, output: Path, *, workers: int, cache: Path) -> list[str]:
        """Return what scores a data set."""
        if self.is_ours:
            source = str(data.folder / "input")
            bundle = data.saved_bundle()
            options = ("--workers", str(workers), "-o", str(output))
            modelship = str(Path(sys.executable).with_name("modelship"))
            return [modelship, "batch", str(bundle), source, *options]
        task = output.with_name(f"{output.name}.json")
        task.write_text(data.task(output, workers=workers))
        return [str(self.python(cache)), str(APPS / self.app), str(task)]


CONTESTANTS = (
    Contestant("bare", "bare loop", "bare", "bare_loop.py"),
    Contestant("modelship", "modelship batch", "", ""),
    Contestant("dask", "Dask distributed", "dask", "dask_files.py"),
    Contestant("ray", "Ray Data", "ray", "ray_data.py"),
    Contestant("spark", "PySpark", "spark", "spark_arrow.py"),
)


def environ_of(python: Path) -> dict[str, str]:
    """Return the variables that a contestant is started with."""
    return {
        **clean_environ(), **ONE_THREAD,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(APPS), "PYTHONWARNINGS": "ignore",
        "PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": str(python),
        "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }  # fmt: skip


def digest_of(output: Path, kind: str) -> tuple[int, str]:
    """Return the rows of an output, and a digest of them which no order of rows changes.

    It stands for the prediction and the first columns; a list counts by its first elements.
    """
    names = (each for each in sorted(output.rglob(f"*.{kind}")))
    files = [
        str(each)
        for each in names
        if not any(part[0] in "._" for part in each.relative_to(output).parts)
    ]
    total, rows = 0, 0
    for file in files:
        table = pcsv.read_csv(file) if kind == "csv" else pds.dataset(file).to_table()
        if table.num_rows:
            hashes = _hashes(table)
            total = (total + int(hashes.sum(dtype=np.uint64))) % 2**64
            rows += table.num_rows
    return rows, hashlib.sha256(str(total).encode()).hexdigest()[:16]


def _hashes(table: pa.Table) -> np.ndarray:
    """Return a hash of each row."""
    from pandas.util import hash_array

    names = [*table.column_names[:ALIKE], "prediction"]
    total = np.zeros(table.num_rows, dtype=np.uint64)
    for at, name in enumerate(names):
        for values in _flat(table.column(name)):
            total = total * np.uint64(1_000_003) + hash_array(values) * np.uint64(2 * at + 1)
    return total


def _flat(column: pa.ChunkedArray) -> list[np.ndarray]:
    """Return a column as arrays of numbers or texts, alike whichever reader and type it had."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [
            pc.list_element(column, each).cast(pa.float64()).to_numpy()
            for each in range(200, 200 + ALIKE)
        ]
    if pa.types.is_temporal(kind):
        return [column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy().astype(float)]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [column.to_numpy(zero_copy_only=False).astype(object)]
    return [column.cast(pa.float64()).to_numpy()]
