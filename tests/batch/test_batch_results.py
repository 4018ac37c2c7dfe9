"""What a batch job has written can be followed, summed up, evaluated and shown as a page."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser

import pandas as pd
import pyarrow as pa
import pytest
from fake_scoring import FakeEngine, FakeProcess

import modelship as ms
from modelship.batch.answer_histograms import histograms
from modelship.batch.batch_page import throughput
from modelship.batch.batch_status import BatchStatus, busy_seconds, duration_text
from modelship.batch.driver_lock import driving
from modelship.batch.failed_rows import failures_in
from modelship.batch.manifest import Entry
from modelship.errors import BatchOutputError, MissingExtraError

EVIL = "<script>alert(1)</script>"


class Labels(FakeProcess):
    """Predicts whether a number is even, with a probability."""

    def score(self, first, stop, *, timeout_s):
        """Return the answer to some rows."""
        table = super().score(first, stop, timeout_s=timeout_s)
        even = [each % 2 for each in table.column("prediction").to_pylist()]
        shares = {f"probability_{at}": [float(each == at) for each in even] for at in (0, 1)}
        return pa.table({"prediction": even, **shares})


@pytest.fixture
def done(idle_bundle, tmp_path):
    """Run a job over the numbers -2 to 27, of which two fail; return its summary."""
    rows = pd.DataFrame({"a": range(-2, 28), "note": [EVIL] * 30})
    rows["y"] = (rows.a + 1) % 2
    rows.to_csv(tmp_path / "rows.csv", index=False)
    job = ms.BatchJob(
        idle_bundle,
        tmp_path / "rows.csv",
        tmp_path / "out",
        options=ms.BatchOptions(piece_bytes=300),
        engine=FakeEngine(Labels()),
    )
    return job.run(show_output=False)


def entry(piece, began, ended, rows=10):
    """Return the entry of a piece that was scored from one time to another."""
    return Entry(piece, rows, rows, 0, "", 0, "", seconds=ended - began, ended=ended)


def test_the_summary_counts_failures_by_reason(done):
    """The failed rows are read from the output, and shown as text and in notebooks."""
    [failure] = done.failures
    assert (failure.rows, failure.reason) == (2, "ValueError: a negative number")
    assert [each.row for each in failure.examples] == [0, 1]
    assert str(done).startswith("30 rows: 28 scored, 2 failed")
    assert "a negative number" in done._repr_html_()


def test_reasons_that_differ_in_numbers_are_one(tmp_path):
    """Each group has its own reason if all rows have it, and else a pattern."""
    (tmp_path / "_failed").mkdir()
    reasons = ["row 1 of 'x' is bad", "row 22 of 'y' is bad", "too slow", "too slow"]
    lines = [{"file": "a", "row": at, "reason": each} for at, each in enumerate(reasons)]
    (tmp_path / "_failed/a.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    found = {each.reason: each.rows for each in failures_in(tmp_path)}
    assert found == {"row … of … is bad": 2, "too slow": 2}


def test_the_status_is_that_of_any_process(done, tmp_path):
    """It is read from the folder: complete, running or incomplete."""
    status = BatchStatus.of(done.output)
    assert (status.state, status.rows_in, status.failed) == ("complete", 30, 2)
    (tmp_path / "out/_SUCCESS").unlink()
    assert BatchStatus.of(done.output).state == "incomplete"
    with driving(tmp_path / "out/_modelship/driver.json"):
        assert BatchStatus.of(done.output).state == "running"
    with pytest.raises(BatchOutputError, match=r"no _modelship/plan\.json"):
        BatchStatus.of(tmp_path)


def test_progress_is_told_after_each_piece(idle_bundle, tmp_path, capsys):
    """A function gets the status, and nothing is shown if that is not asked for."""
    pd.DataFrame({"a": range(30)}).to_csv(tmp_path / "rows.csv", index=False)
    options = ms.BatchOptions(piece_bytes=12)
    out = tmp_path / "out"
    job = ms.BatchJob(idle_bundle, tmp_path / "rows.csv", out, options=options, engine=FakeEngine())
    seen = []
    summary = job.run(show_output=False, on_progress=seen.append)
    assert len(seen) == summary.pieces > 2
    assert [each.rows_in for each in seen] == sorted(each.rows_in for each in seen)
    assert (seen[-1].rows_in, seen[-1].remaining_s) == (30, 0)
    assert capsys.readouterr().err == ""


def test_pauses_between_runs_count_as_no_time():
    """The rate is that of the time in which pieces were scored."""
    entries = [entry(0, 0, 4), entry(1, 2, 5), entry(2, 100, 105)]
    assert busy_seconds(entries) == 10
    rates = [each.rows for each in throughput(entries, spans=10)]
    assert rates == pytest.approx([2.5, 2.5, 2.5 + 10 / 3, 2.5 + 10 / 3, 10 / 3, *[2] * 5])
    assert [duration_text(each) for each in (5, 65, 3700)] == ["5 s", "1 min 5 s", "1 h 1 min"]


@pytest.mark.parametrize(
    ("values", "bars", "is_range"),
    [
        ([1, 1, 2, None], {"1": 2, "2": 1}, False),
        (["b", "a", "b"], {"b": 2, "a": 1}, False),
        ([True, False, True], {"True": 2, "False": 1}, False),
        ([float(each) for each in range(64)], None, True),
    ],
)
def test_few_values_are_counted_and_many_by_range(values, bars, is_range):
    """No value is lost, whatever the pieces are."""
    parts = [pa.table({"prediction": pa.array(values[at::2])}) for at in (0, 1)]
    [found] = histograms(parts)
    assert found.is_range == is_range
    assert sum(each.rows for each in found.bars) + found.missing == len(values)
    if bars:
        assert {each.label: each.rows for each in found.bars} == bars


def test_ranges_widen_for_numbers_beyond_them():
    """A later piece may have larger and smaller numbers; each is still counted once."""
    parts = [[*range(100)], [-5e6, 7.5], [float("nan"), 1e9]]
    tables = [pa.table({"prediction": pa.array(map(float, each))}) for each in parts]
    [found] = histograms(tables)
    assert sum(each.rows for each in found.bars) == 103
    assert found.missing == 1


class Page(HTMLParser):
    """Collects the tags and the texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_the_page_shows_all_and_runs_nothing(done, tmp_path):
    """Counts, reasons, examples, predictions and digests are there; markup of rows is text."""
    done.to_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    plan = json.loads((tmp_path / "out/_SUCCESS").read_text())
    assert "script" not in page.tags
    assert {"ValueError: a negative number", "rows.csv, row 1", plan["job"]} <= set(page.texts)
    assert {"prediction", "probability_0", "28", "Rows per second"} <= set(page.texts)
    assert any(EVIL in each for each in page.texts)
    assert not re.search("0x[0-9a-f]{6}", text)  # the address of an object in memory
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"https?://|@import|url\(|<script|<link", text)


def test_the_page_needs_jinja2(done, tmp_path, monkeypatch):
    """Without it, the error names the extra."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"modelship-ml\[report\]"):
        done.to_html(tmp_path / "page.html")


def test_labels_next_to_the_predictions_are_evaluated(done):
    """The metrics are those of the rows that were scored."""
    report = done.evaluate("y")
    assert (report.n_samples, report.accuracy) == (28, 1.0)
    assert report.log_loss == pytest.approx(0, abs=1e-6)
    with pytest.raises(BatchOutputError, match=r"no column 'Y' \(did you mean 'y'\?\)"):
        done.evaluate("Y")
