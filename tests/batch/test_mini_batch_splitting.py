"""The split of files and of tables into mini-batches, and the DataFrames of their pieces."""

from __future__ import annotations

import json
from dataclasses import asdict

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelship.batch.mini_batch.batch_pool import BatchFailedError, BatchSummary, score_files
from modelship.batch.mini_batch.mini_batch_settings import BatchSettings
from modelship.batch.mini_batch.mini_batch_splitting import SplitError, mini_batches_of
from modelship.batch.mini_batch.table_frames import frame_of

TEXTS = st.lists(st.text(st.sampled_from('ab",\n')), max_size=8)
SCRIPT = """
def run(frame):
    return frame[["a", "year"]]
"""


def split(place, **settings):
    """Return the mini-batches of a place."""
    return mini_batches_of(BatchSettings("", str(place), "", **settings))


def frames(batches):
    """Return the DataFrames that a script gets."""
    return [frame_of([asdict(each) for each in batch.pieces]) for batch in batches]


@given(texts=TEXTS, size=st.integers(1, 60))
def test_csv_is_split_between_rows_only(tmp_path_factory, texts, size):
    """Also where a text has quotes and line ends; all rows are there, once."""
    place = tmp_path_factory.mktemp("csv") / "t.csv"
    table = pd.DataFrame({"n": range(len(texts)), "text": [f"x{each}" for each in texts]})
    table.to_csv(place, index=False)
    batches = split(place, kind="tables", mini_batch_size=size)
    found = frames(batches)
    assert sum(each.items for each in batches) == len(table)
    assert [len(each) for each in found] == [each.items for each in batches]
    if found:
        pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), table)


def test_json_lines_are_split_at_lines(tmp_path):
    """An empty line is no row."""
    place = tmp_path / "t.jsonl"
    place.write_text("".join(f"{json.dumps({'a': n})}\n\n" for n in range(5)))
    found = frames(split(place, kind="tables", mini_batch_size="20"))
    assert [each["a"].tolist() for each in found] == [[0, 1], [2, 3], [4]]


def test_parquet_is_split_at_row_groups(tmp_path):
    """The groups of several files are put together up to the size."""
    pytest.importorskip("pyarrow")
    for name in ("a", "b"):
        pd.DataFrame({"a": range(6)}).to_parquet(tmp_path / f"{name}.parquet", row_group_size=2)
    found = frames(split(tmp_path, kind="tables", mini_batch_size=1))
    assert [each["a"].tolist() for each in found] == [[0, 1], [2, 3], [4, 5]] * 2
    [whole] = frames(split(tmp_path, kind="tables"))
    assert len(whole) == 12


def test_the_same_key_is_in_the_same_mini_batch(tmp_path):
    """The keys are names of folders; a table has them as columns, unless it has its own."""
    for year, month in ((2025, 1), (2026, 1), (2025, 2)):
        folder = tmp_path / f"year={year}" / f"month={month}"
        folder.mkdir(parents=True)
        (folder / "t.csv").write_text(f"a,month\n{month},own\n")
    (tmp_path / "_SUCCESS").touch()
    batches = split(tmp_path, kind="tables", partition_keys=["year"])
    one, other = frames(batches)
    assert (one["year"].tolist(), other["year"].tolist()) == (["2025", "2025"], ["2026"])
    assert one["month"].tolist() == ["own", "own"]
    (tmp_path / "_SUCCESS").unlink()
    assert [each.items for each in split(tmp_path, partition_keys=["year"])] == [2, 1]
    with pytest.raises(SplitError, match="not in a folder day=VALUE.*: its folders have year"):
        split(tmp_path, partition_keys=["day"])


def test_a_script_scores_a_table(tmp_path):
    """It gets DataFrames, and the rows are the items."""
    (tmp_path / "in" / "year=1").mkdir(parents=True)
    (tmp_path / "in" / "year=1" / "t.csv").write_text("a\n1\n2\n3\n")
    (tmp_path / "score.py").write_text(SCRIPT)
    places = (str(tmp_path / each) for each in ("score.py", "in", "out"))
    settings = BatchSettings(*places, kind="tables", mini_batch_size="4")
    assert score_files(settings, say=[].append) == BatchSummary(3, 0, 3)
    assert (tmp_path / "out" / "predictions.csv").read_text() == "1 1\n2 1\n3 1\n"


def test_what_is_no_table_is_an_error(tmp_path):
    """The message names the formats."""
    (tmp_path / "a.txt").touch()
    settings = BatchSettings("", str(tmp_path), str(tmp_path / "out"), kind="tables")
    with pytest.raises(BatchFailedError, match=r"a\.txt is no table; expected one of \.csv"):
        score_files(settings)
