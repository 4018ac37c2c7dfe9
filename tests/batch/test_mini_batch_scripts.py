"""Scripts with run_batch(mini_batch), and those of ParallelRunStep, in batch jobs."""

import csv
import json

import pandas as pd
import pytest

import modelship as ms
from modelship.batch.scorer.mini_batch_calls import answer_of_mini_batch, mini_batch_function
from modelship.bundle import Environment
from modelship.testing import with_lock

OF_FILES = """
import argparse, os, pathlib

def init():
    global factor
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=int)
    factor = parser.parse_known_args()[0].factor

def run(mini_batch):
    print("scoring", len(mini_batch))
    found = []
    for each in map(pathlib.Path, mini_batch):
        if each.read_text() != "bad":
            found.append(factor * int(each.read_text()))
    return found
"""
OF_TABLES = """
import pandas as pd

def init():
    pass

def run(raw_data):
    raise RuntimeError("it is for requests")

def run_batch(mini_batch):
    assert mini_batch["a"].min() > 0
    return pd.DataFrame({"double": 2 * mini_batch["a"], "text": mini_batch["b"].str.upper()})
"""


@pytest.fixture
def bundled(tmp_path):
    """Return a function that makes the bundle of a script."""

    def make(text, environment):
        (tmp_path / "score.py").write_text(text)
        return ms.ScoringBundle([], entry_script=tmp_path / "score.py", environment=environment)

    return make


def test_a_script_of_parallel_run_step_scores_files(bundled, bare_lock, tmp_path):
    """It runs unchanged: missing elements are found, and each file is accounted for."""
    (tmp_path / "in/more").mkdir(parents=True)
    for number in range(23):
        (tmp_path / f"in/more/{number:02d}.txt").write_text("bad" if number == 7 else str(number))
    options = ms.BatchOptions(items="files", arguments=("--factor", "3"))
    bare = bundled(OF_FILES, Environment(python=bare_lock.python, requirements=()))
    bundle = with_lock(bare, lock=bare_lock)
    job = ms.BatchJob(bundle, tmp_path / "in", tmp_path / "out", options=options)
    summary = job.run()
    assert (summary.rows_in, summary.rows_out, summary.failed) == (23, 22, 1)
    with (tmp_path / "out/predictions-00000.csv").open() as file:
        found = {row["file"]: int(row["prediction"]) for row in csv.DictReader(file)}
    assert found == {f"more/{n:02d}.txt": 3 * n for n in range(23) if n != 7}
    [line] = (tmp_path / "out/_failed/predictions-00000.jsonl").read_text().splitlines()
    assert json.loads(line)["file"] == "more/07.txt"
    assert job.run().scored == 0


def test_run_batch_gets_the_rows_of_a_table(bundled, model_bundle, tmp_path):
    """A DataFrame; the columns of the one that is returned are those of the output."""
    table = pd.DataFrame({"a": [1, 2, -1, 4], "b": ["x", "y", "z", "w"]})
    table.to_csv(tmp_path / "rows.csv", index=False)
    bundle = bundled(OF_TABLES, model_bundle[0].environment)
    summary = ms.BatchJob(bundle, tmp_path / "rows.csv", tmp_path / "out").run()
    assert (summary.rows_out, summary.failed) == (3, 1)
    scored = pd.read_csv(tmp_path / "out/rows-00000.csv")
    assert (scored.double.tolist(), scored.text.tolist()) == ([2, 4, 8], ["X", "Y", "W"])


class Script:
    """A module of a script."""

    def __init__(self, **functions):
        self.__dict__.update(functions)


def test_mini_batches_are_recognized_by_the_name_of_the_parameter():
    """Or by the name of the function."""
    script = Script(run=lambda mini_batch: 1)
    assert mini_batch_function(script) is script.run
    assert mini_batch_function(Script(run=lambda raw_data: 1)) is None
    own = Script(run=lambda raw_data: 1, run_batch=lambda batch: 2)
    assert mini_batch_function(own) is own.run_batch


@pytest.mark.parametrize("returned", [None, "text", {"a": [1]}, 7])
def test_other_answers_are_refused(returned):
    """As batch endpoints do."""
    with pytest.raises(TypeError, match="return one element for each item of the mini-batch"):
        answer_of_mini_batch(returned)
