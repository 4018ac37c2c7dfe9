"""Scripts and what reads their answers do the same where the output is in an object store."""

from __future__ import annotations

import fsspec
import pandas as pd
import pyarrow.parquet as pq
import pytest

import modelship as ms
from modelship.bundle import Environment
from modelship.parity.batch_parity import compare_batch
from modelship.testing import with_lock

pytestmark = pytest.mark.long

HALVES = """
import json


def init():
    pass


def run(raw_data):
    return [x / 2 if x > 20 else x for x, in json.loads(raw_data)["data"]]
"""
SIZES = """
from pathlib import Path


def init():
    pass


def run(mini_batch):
    return [f"{Path(each).name} {len(Path(each).read_text())}" for each in mini_batch]
"""


@pytest.fixture
def job(s3_server, bare_lock, tmp_path):
    """Return a function that makes a job of a script over a folder, with its output in a store."""
    url = f"s3://{s3_server}/{tmp_path.name}/out"

    def made(script, **options):
        (tmp_path / "score.py").write_text(script)
        environment = Environment(python=bare_lock.python, requirements=())
        bundle = ms.ScoringBundle([], entry_script=tmp_path / "score.py", environment=environment)
        return ms.BatchJob(
            with_lock(bundle, lock=bare_lock), tmp_path / "in", url,
            options=ms.BatchOptions(**options), workers=1, check="off",
        )  # fmt: skip

    (tmp_path / "in").mkdir()
    return made


def tables(url):
    """Return the files of Parquet below a URL."""
    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    return [pq.read_table(system.open(each)) for each in system.glob(f"{root}/*.parquet")]


class Halving:
    """Answers as the script does."""

    target, input_key, input_form = "halving", "data", "rows"

    def run(self, payload):
        """Return the answer."""
        return [x / 2 if x > 20 else x for (x,) in payload["data"]]


def test_answers_have_one_type_and_equal_those_of_a_service(job, tmp_path):
    """The pieces with whole numbers are written again, and parity reads them from the store."""
    pd.DataFrame({"a": range(40)}).to_parquet(tmp_path / "in/rows.parquet", row_group_size=10)
    made = job(HALVES, piece_bytes=100)
    assert made.run(show_output=False).rows_out == 40
    found = tables(made.output)
    assert len(found) > 1
    assert {str(each.schema.field("prediction").type) for each in found} == {"double"}
    assert [x for each in found for x in each["prediction"].to_pylist()] == [
        x / 2 if x > 20 else x for x in range(40)
    ]
    assert compare_batch(made.output, Halving()).equal


def test_a_script_of_mini_batches_of_files(job, tmp_path):
    """It gets paths of this machine; its answers are in the store."""
    for each in ("one", "three"):
        (tmp_path / "in" / f"{each}.txt").write_text(each)
    made = job(SIZES, items="files", output_format="parquet")
    assert made.run(show_output=False).rows_out == 2
    (found,) = tables(made.output)
    assert {"one.txt 3", "three.txt 5"} <= {
        x for name in found.column_names for x in found[name].to_pylist()
    }
