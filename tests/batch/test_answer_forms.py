"""The output of a job has the columns of one call over all of its rows, in each format."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_scoring import FakeEngine, FakeProcess, Lists
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from killed_jobs import begun, ended, run_killed_at

import modelship as ms
from modelship.batch.answer_tables import answer_table
from modelship.batch.batch_status import read_job
from modelship.batch.scorer.answer_columns import columns_of_answer
from modelship.batch.scoring_process import CallError
from modelship.sources.model_files import sha256_of


class Sizes(FakeProcess):
    """Answers with a list of as many items as a file has bytes; it refuses empty ones."""

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some files."""
        paths = self.table.column("path").to_pylist()[first:stop]
        sizes = [Path(each).stat().st_size for each in paths]
        if not all(sizes):
            raise CallError("ValueError: an empty file")
        answers = [{"y": [each] * each} for each in sizes]
        return answer_table(*columns_of_answer(answers, rows=len(answers)))


@pytest.fixture
def job(idle_bundle, tmp_path):
    """Return a function that makes a job over numbers."""

    def made(values, source, kind, **options):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        lines = [f'{{"a": {each}}}' for each in values] if source == "jsonl" else ["a", *values]
        rows = tmp_path / f"rows.{source}"
        rows.write_text("".join(f"{each}\n" for each in lines))
        return ms.BatchJob(
            *(idle_bundle, rows, tmp_path / "out"),
            options=ms.BatchOptions(output_format=kind, **options),
            engine=FakeEngine(Lists()),
            check="off",
            error_threshold=-1,
        )

    return made


def scored(job):
    """Run a job, and return the paths of its output."""
    job.run(show_output=False)
    for entry in read_job(job.output)[1]:
        assert not entry.output or sha256_of(job.output / entry.output) == entry.digest
    return sorted(job.output.glob("rows-*"))


def content(paths):
    """Return what is in files of one format together."""
    if paths[0].suffix == ".parquet":
        return pa.concat_tables([pq.read_table(each) for each in paths])
    if paths[0].suffix == ".jsonl":
        return [json.loads(line) for each in paths for line in each.read_text().splitlines()]
    headers, rows = zip(*(each.read_text().split("\n", 1) for each in paths), strict=True)
    return {*headers}, "".join(rows)


@settings(
    max_examples=settings().max_examples // 2,  # 50 in the long run
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=st.lists(st.integers(-1, 3), min_size=1, max_size=9).filter(lambda each: max(each) >= 0),
    formats=st.sampled_from(
        [("csv", "csv"), ("jsonl", "jsonl"), ("csv", "tsv"), ("csv", "jsonl"), ("csv", "parquet")]
    ),
    piece_bytes=st.integers(1, 20),
    call_rows=st.integers(1, 5),
)
@example(values=[2, 2, 0, 3], formats=("csv", "csv"), piece_bytes=4, call_rows=2)
@example(values=[2, 2, -1, 1], formats=("jsonl", "jsonl"), piece_bytes=16, call_rows=2)
@example(values=[1, 1, 0], formats=("csv", "parquet"), piece_bytes=4, call_rows=2)
def test_the_output_is_that_of_one_call(job, values, formats, piece_bytes, call_rows):
    """Whatever the pieces and the calls are, and whichever rows fail."""
    whole = content(scored(job([each for each in values if each >= 0], *formats)))
    made = job(values, *formats, piece_bytes=piece_bytes, call_rows=call_rows)
    assert content(scored(made)) == whole


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("csv", '3,"[0.0, 1.0, 2.0]",3,3\n'),
        ("tsv", "3\t[0.0, 1.0, 2.0]\t3\t3\n"),
        ("jsonl", '{"a": 3, "y": [0.0, 1.0, 2.0], "z_0": "3", "z_1": 3}\n'),
    ],
)
def test_lists_in_text_are_json(job, kind, end):
    """Those of the same length in all rows are columns of their items."""
    paths = scored(job([2, 2, 3, 3], "csv", kind, piece_bytes=4))
    assert len(paths) == 2
    assert paths[1].read_text().endswith(end)


def test_arrays_have_an_axis_of_items(job):
    """Of another length in each file."""
    paths = scored(job([2, 2, 3, 3], "csv", "npz", piece_bytes=4))
    assert [np.load(each)["y"].shape for each in paths] == [(2, 2), (2, 3)]


def test_output_of_one_form_is_not_written_again(job, tmp_path):
    """The manifest has an entry for each piece."""
    scored(job([2] * 9, "csv", "csv", piece_bytes=4))
    entries = (tmp_path / "out/_modelship/manifest.jsonl").read_text().splitlines()
    assert len(entries) == len(read_job(tmp_path / "out")[1])


def test_files_of_one_name_keep_their_answers(idle_bundle, tmp_path):
    """Some of them fail, and the others are written again with the lists of other lengths."""
    sizes = [1, 0, 1, 0, 1, 1, 0, 2, 0, 2, 2, 0]
    for number, size in enumerate(sizes):
        (tmp_path / f"{number:02d}").mkdir()
        (tmp_path / f"{number:02d}" / "x.txt").write_text("x" * size)
    made = ms.BatchJob(
        *(idle_bundle, [*sorted(tmp_path.glob("??"))], tmp_path / "out"),
        options=ms.BatchOptions(items="files", call_rows=1, output_format="jsonl"),
        engine=FakeEngine(Sizes()),
        check="off",
    )
    made.run(show_output=False)
    paths = sorted(made.output.glob("*.jsonl"))
    assert len(paths) > 1
    lines = "".join(each.read_text() for each in paths).splitlines()
    assert [json.loads(each)["y"] for each in lines] == [[each] * each for each in sizes if each]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=st.sampled_from(["csv", "jsonl"]),
    kills=st.lists(st.integers(0, 250), min_size=1, max_size=3),
)
def test_a_kill_changes_nothing_of_the_output(job, source, kills):
    """Whatever step the driver is killed at."""
    whole = content(scored(job([2, 2, 0, 3], source, source)))
    made = job([2, 2, -1, 0, 3], source, source, piece_bytes=4)
    for step in kills:
        status = ended(begun(lambda step=step: run_killed_at(step, made)))
        assert status in {0, -signal.SIGKILL}
    assert content(scored(made)) == whole


@pytest.mark.long
@pytest.mark.parametrize("source", ["csv", "jsonl"])
def test_each_step_of_any_format_may_be_the_last(job, source):
    """The job is killed before each of its operations on files, and resumed."""
    whole = content(scored(job([2, 0, 3], source, source)))
    status, step = -signal.SIGKILL, 0
    while status:  # until no step is left
        made = job([2, -1, 0, 3], source, source, piece_bytes=4)
        status = ended(begun(lambda at=step, made=made: run_killed_at(at, made)))
        assert content(scored(made)) == whole
        step += 1
    assert step > 50
