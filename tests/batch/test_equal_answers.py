"""The answers of a job have one type in all Parquet files, however the pieces differ."""

from __future__ import annotations

import shutil
import signal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_scoring import FakeEngine, FakeProcess
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_batch_kills import begun, ended, run_killed_at

import modelship as ms
from modelship.batch.batch_status import read_job
from modelship.sources.model_files import sha256_of


class Mixed(FakeProcess):
    """Answers with a whole number, a fraction, nothing, or a text."""

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some rows."""
        values = self.table.column("a").to_pylist()[first:stop]
        columns = {"prediction": [answer(each) for each in values]}
        if any(each > 50 for each in values):
            columns["note"] = ["large" if each > 50 else None for each in values]
        return pa.table(columns)


def answer(value):
    """Return the answer to a number."""
    return [value, value + 0.5, None][value % 3]


@pytest.fixture
def job(idle_bundle, tmp_path):
    """Return a function that makes a job over numbers, in pieces of about two rows."""

    def made(values):
        pd.DataFrame({"a": values}).to_csv(tmp_path / "rows.csv", index=False)
        return ms.BatchJob(
            *(idle_bundle, tmp_path / "rows.csv", tmp_path / "out"),
            options=ms.BatchOptions(piece_bytes=4, output_format="parquet"),
            engine=FakeEngine(Mixed()),
            check="off",
        )

    return made


def written(folder):
    """Return the rows of the output, whose files must have the same columns."""
    files = sorted(folder.glob("*.parquet"))
    schemas = {pq.read_schema(each).remove_metadata() for each in files}
    assert len(schemas) == 1
    return pa.concat_tables([pq.read_table(each) for each in files]), schemas.pop()


def test_the_types_hold_the_answers_of_all_pieces(job):
    """Whole numbers and fractions are floats, and what is missing in all of a piece is null."""
    made = job([2, 2, 5, 3, 6, 9, 1, 4, 7, 60, 63])
    made.run()
    rows, schema = written(made.output)
    assert schema == pa.schema(
        [("a", pa.int64()), ("prediction", pa.float64()), ("note", "string")]
    )
    assert rows.column("prediction").to_pylist() == [answer(each) for each in rows["a"].to_pylist()]
    assert rows.column("note").to_pylist() == [None] * 9 + ["large"] * 2
    for entry in read_job(made.output)[1]:
        assert sha256_of(made.output / entry.output) == entry.digest
    assert made.run().scored == 0


def test_pieces_of_the_same_types_are_not_written_again(job):
    """Their entries are those of the scoring."""
    made = job([3, 6, 9, 12, 15])
    made.run()
    lines = (made.output / "_modelship/manifest.jsonl").read_text().splitlines()
    assert len(lines) == made.plan().pieces[-1].number + 1


class Structs(FakeProcess):
    """Answers with a dict in a dict, whose key is another one for large numbers."""

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some rows."""
        values = self.table.column("a").to_pylist()[first:stop]
        return pa.table({"found": [{"large" if each > 50 else "small": each} for each in values]})


def test_the_fields_of_structs_have_one_order(job):
    """Each file has the fields of all pieces, also one whose rows have only the last of them."""
    made = job([1, 2, 3, 60, 61, 62])
    made.engine = FakeEngine(Structs())
    made.run(show_output=False)
    rows, _ = written(made.output)
    assert rows.column("found").to_pylist()[::5] == [
        {"small": 1, "large": None},
        {"small": None, "large": 62},
    ]


@settings(
    max_examples=settings().max_examples // 4,  # 25 in the long run
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=st.lists(st.integers(0, 60), min_size=1, max_size=20),
    kills=st.lists(st.integers(0, 250), max_size=3),
)
def test_a_kill_loses_no_row_and_leaves_no_other_type(job, tmp_path, values, kills):
    """Whatever step the driver is killed at."""
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    made = job(values)
    for step in kills:
        status = ended(begun(lambda step=step: run_killed_at(step, made)))
        assert status in {0, -signal.SIGKILL}
    made.run(show_output=False)
    rows, _ = written(made.output)
    assert rows.column("a").to_pylist() == values
    assert rows.column("prediction").to_pylist() == [answer(each) for each in values]


@pytest.mark.long
def test_each_step_of_writing_again_may_be_the_last(job, tmp_path):
    """The job is killed before each of its operations on files, and resumed."""
    values, status, step = [2, 3, 1, 60], -signal.SIGKILL, 0
    while status:  # until no step is left
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        made = job(values)
        status = ended(begun(lambda at=step, made=made: run_killed_at(at, made)))
        made.run(show_output=False)
        rows, _ = written(made.output)
        assert rows.column("a").to_pylist() == values
        assert rows.column("prediction").to_pylist() == [answer(each) for each in values]
        step += 1
    assert step > 50
