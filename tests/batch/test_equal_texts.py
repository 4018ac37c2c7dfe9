"""The text of the output of several pieces is that of one piece with all rows."""

from __future__ import annotations

import shutil
import signal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_scoring import FakeEngine, FakeProcess
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from killed_jobs import begun, ended, run_killed_at

import modelship as ms
from modelship.batch.answer_tables import answer_table
from modelship.batch.scorer.answer_columns import columns_of_answer

_NUMBERS = st.integers(-2, 2) | st.sampled_from([0.5, -0.0, 2.0, 1e20, float("nan")])
_BEYOND = st.sampled_from([2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1])
_TEXTS = st.sampled_from(["", "1", "true", "a,b", "null"])
_NESTED = st.sampled_from(
    [[1, 0.5], [2**63], ["1", 2], [[], [None]], {"b": 1.0, "a": {}}, {"a": 1}]
)
_ANSWERS = st.none() | st.booleans() | _NUMBERS | _BEYOND | _TEXTS | _NESTED
_ONE_KIND = st.sampled_from([_NUMBERS | _BEYOND, _NESTED.map(lambda each: {"y": each}), _ANSWERS])


class Given(FakeProcess):
    """Answers each row with the value at its number."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some rows."""
        found = [self.answers[at] for at in self.table.column("a").to_pylist()[first:stop]]
        return answer_table(*columns_of_answer(found, rows=len(found)))


@pytest.fixture
def job(idle_bundle, tmp_path):
    """Return a function that makes a job that gives answers, in small pieces."""

    def made(answers, kind, piece_bytes):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        pd.DataFrame({"a": range(len(answers))}).to_json(
            tmp_path / "rows.jsonl", orient="records", lines=True
        )
        options = ms.BatchOptions(piece_bytes=piece_bytes, output_format=kind)
        return ms.BatchJob(
            *(idle_bundle, tmp_path / "rows.jsonl", tmp_path / "out"),
            options=options,
            engine=FakeEngine(Given(answers)),
            check="off",
        )

    return made


def written(job):
    """Run a job, and return the rows of its output."""
    job.run(show_output=False)
    files = sorted(job.output.glob("rows-*"))
    if files[0].suffix == ".parquet":
        return pa.concat_tables([pq.read_table(each) for each in files]).to_pydict()
    headers = files[0].suffix == ".csv"
    lines = [each.read_text().splitlines() for each in files]
    assert not headers or len({each[0] for each in lines}) == 1
    return [line for each in lines for line in each[headers:]]


@pytest.mark.parametrize("kind", ["csv", pytest.param("jsonl", marks=pytest.mark.long), "parquet"])
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answers=_ONE_KIND.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=6)),
    piece_bytes=st.integers(1, 40),
)
@example([1, 0.5, [1], [0.5], None, "a"], 1)
@example([True, None, 2.0, "1"], 1)
@example([1, 2**63, 2, 2**64 - 1], 1)
@example([-1, 2**63, None, 3], 1)
@example([2**53 + 1, 0.5, None, "a"], 20)
@example([{"y": ["1", 2]}, {"y": [1, 2.0]}, {"y": [1]}], 1)
@example([{"y": {"b": 1, "a": 2}}, {"y": {}}, {"y": {"a": 0.5}}], 1)
@example([{"y": {"b": 1, "a": 2}}, {"y": {}}, {"y": {"a": 0.5}}, {"y": "c"}], 20)
def test_pieces_have_the_text_of_one(job, kind, answers, piece_bytes):
    """Whatever the types of their answers are."""
    whole = written(job(answers, kind, 1 << 20))
    assert written(job(answers, kind, piece_bytes)) == whole


_UNLIKE = [True, 2, 0.5, 3.0, "a,b"]


@pytest.mark.parametrize("kind", [pytest.param("csv", marks=pytest.mark.long), "jsonl"])
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(100, 350), min_size=1, max_size=2))
def test_a_kill_changes_no_text(job, kind, kills):
    """Also one while the output is written again with the types of all pieces."""
    whole = written(job(_UNLIKE, kind, 1 << 20))
    made = job(_UNLIKE, kind, 1)
    for step in kills:
        status = ended(begun(lambda step=step: run_killed_at(step, made)))
        assert status in {0, -signal.SIGKILL}
    assert written(made) == whole


@pytest.mark.long
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_each_step_of_writing_texts_again_may_be_the_last(job, kind):
    """The job is killed before each of its operations on files, and resumed."""
    whole = written(job(_UNLIKE[2:], kind, 1 << 20))
    status, step = -signal.SIGKILL, 0
    while status:  # until no step is left
        made = job(_UNLIKE[2:], kind, 1)
        status = ended(begun(lambda at=step, made=made: run_killed_at(at, made)))
        assert written(made) == whole
        step += 1
    assert step > 50
