"""Groups of files that have the same keys of their folders, each of which is a mini-batch."""

import json

import pandas as pd
import pytest

import modelship as ms
from modelship.batch.piece_work import Work, score_piece
from modelship.batch.planning import plan_job
from modelship.batch.scored_rows import Elements
from modelship.errors import BatchInputError, InvalidOptionError

SCRIPT = """
def init():
    pass

def run(mini_batch):
    return mini_batch
"""


@pytest.fixture
def bundle(bare_bundle):
    """Return a bundle whose script takes mini-batches."""
    return bare_bundle(SCRIPT)


@pytest.fixture
def inputs(tmp_path):
    """Write files of two stores in two years; return their folder."""
    for store, year, rows in ((2, 2025, 2), (1, 2025, 1), (1, 2026, 3)):
        place = tmp_path / f"in/year={year}/store={store}"
        place.mkdir(parents=True)
        pd.DataFrame({"a": range(10 * year, 10 * year + rows)}).to_csv(place / "r.csv", index=False)
    (place / "s.csv").write_text("a\n-1\n-2,-3\n")
    return tmp_path / "in"


class FakeProcess:
    """Notes its mini-batches, and returns an element for each row but one."""

    def __init__(self):
        self.found = []

    def start(self):
        """Do nothing."""

    def put(self, table):
        """Keep the rows."""
        self.found.append(table.to_pydict())

    def score_mini_batch(self, first, stop, *, timeout_s):
        """Return the elements."""
        return Elements(stop - 1, b"x\n" * (stop - 1))


def test_a_group_is_one_mini_batch(bundle, inputs, tmp_path):
    """Whatever the files; each row that fails is of its own file."""
    options = ms.BatchOptions(output_action="append_row", partition_keys=("store",))
    plan = plan_job(bundle, [inputs], tmp_path / "out", options)
    work = Work(str(tmp_path), str(tmp_path / "out"), plan, timeout_s=1, start_timeout_s=1)
    process = FakeProcess()
    first, second = [score_piece(work, each, process) for each in plan.pieces]
    one, two = process.found
    assert one["a"] == [20250, 20260, 20261, 20262, -1]
    assert one["year"] == [2025, 2026, 2026, 2026, 2026]
    assert two == {"a": [20250, 20251], "year": [2025] * 2, "store": [2] * 2}
    assert [(each.rows_in, each.rows_out, each.failed) for each in (first, second)] == [
        (6, 4, 2), (2, 1, 1)
    ]  # fmt: skip
    lines = (tmp_path / "out" / first.failures).read_text().splitlines()
    assert [(found["file"], found["row"]) for found in map(json.loads, lines)] == [
        ("year=2025/store=1/r.csv", None), ("year=2026/store=1/s.csv", 1)
    ]  # fmt: skip


def test_files_are_grouped_too(bundle, inputs, tmp_path):
    """By several keys, in the order of their values."""
    keys = ("store", "year")
    options = ms.BatchOptions(items="files", output_action="summary_only", partition_keys=keys)
    plan = plan_job(bundle, [inputs], tmp_path / "out", options)
    found = [[file.name[5:17] for file in plan.files_of(each)] for each in plan.pieces]
    assert found == [["2025/store=1"], ["2026/store=1"] * 2, ["2025/store=2"]]


def test_an_input_without_the_key_is_refused(bundle, inputs, tmp_path):
    """The advice is to partition it."""
    options = ms.BatchOptions(output_action="append_row", partition_keys=("region",))
    with pytest.raises(BatchInputError, match="not in a folder region=VALUE"):
        plan_job(bundle, [inputs], tmp_path / "out", options)


def test_a_size_and_keys_exclude_each_other(bundle):
    """Both say what a mini-batch is."""
    options = ms.BatchOptions(
        output_action="append_row", partition_keys=("a",), mini_batch_size="1KB"
    )
    with pytest.raises(InvalidOptionError, match="partition_keys decides"):
        ms.BatchJob(bundle, "in", "out", options=options)
