"""A job whose output is in an object store loses no row and repeats none."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections import Counter
from contextlib import suppress

import disk_store
import fsspec
import pandas as pd
import pytest
from click.testing import CliRunner
from fake_scoring import FakeEngine, Lists, SlowProcess
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killed_jobs import begun, ended, expected, run_killed_at

import modelship as ms
from modelship import errors
from modelship.batch.batch_evaluation import evaluate_output
from modelship.batch.batch_status import BatchStatus
from modelship.cli.app import cli

# That all rows fail is an error.
VALUES = st.lists(st.integers(-3, 30), min_size=1, max_size=30).filter(lambda each: max(each) >= 0)


SERVERS = {"s3": "s3_server", "gs": "gcs_server", "abfs": "azure_server"}


@pytest.fixture(params=["disk", *(pytest.param(each, marks=pytest.mark.long) for each in SERVERS)])
def url(request, tmp_path, monkeypatch):
    """Return the URL of an output in a store on this disk, or in a server of its protocol."""
    if server := SERVERS.get(request.param):
        bucket = request.getfixturevalue(server)
        return f"{request.param}://{bucket}/{tmp_path.name}/out"
    monkeypatch.setenv("DISK_STORE", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    return f"{disk_store.SCHEME}://bucket/some/out"


@pytest.fixture
def job(idle_bundle, tmp_path, url):
    """Return a function that makes a job over the numbers 0 to 29, in pieces of about 5 rows."""

    def made(rows=range(30), *, engine=None, **given):
        content = pd.DataFrame({"a": rows}).to_csv(index=False)
        path = tmp_path / "rows.csv"
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
        options = given.pop("options", ms.BatchOptions(piece_bytes=12, call_rows=3))
        return ms.BatchJob(
            idle_bundle, tmp_path / "rows.csv", url,
            options=options, engine=engine or FakeEngine(), check="off", **given,
        )  # fmt: skip

    return made


def objects(url):
    """Return the objects below a URL, by name."""
    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    return {each.removeprefix(f"{root}/"): system.cat_file(each) for each in system.find(root)}


def accounted(url):
    """Return how often each row of the input is in the output, and how often it failed."""
    out, failed = Counter(), Counter()
    for name, content in objects(url).items():
        if name.startswith("_failed/"):
            failed.update(json.loads(each)["row"] for each in content.splitlines())
        elif not name.startswith("_"):
            rows = pd.read_csv(io.BytesIO(content))
            assert (rows.prediction == rows.a + 1).all()
            out.update(rows.a.tolist())
    return out, failed


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=VALUES,
    call_rows=st.integers(1, 9),
    kills=st.lists(st.integers(0, 300), max_size=3),
    number=st.uuids(),
)
def test_no_row_is_lost_or_repeated(job, url, values, call_rows, kills, number):
    """Whatever operation the driver is killed at, and how often."""
    made = job(values, options=ms.BatchOptions(piece_bytes=12, call_rows=call_rows))
    made.output = f"{url}-{number}"
    for step in kills:
        status = ended(begun(lambda step=step: run_killed_at(step, made)))
        assert status in {0, -signal.SIGKILL}
    summary = made.run(show_output=False)
    assert accounted(made.output) == expected(values)
    assert summary.rows_in == len(values) == summary.rows_out + summary.failed
    left = [each for each in objects(made.output) if "drafts/" in each or "drivers/" in each]
    assert left == []


def test_a_job_is_resumed_whose_driver_ended_after_a_cut(job, url):
    """The parts are in the manifest, and the draft of the first one is lost."""

    class Losing(FakeEngine):
        def run(self, work, pieces, *, stopped):
            for found in super().run(work, pieces, stopped=stopped):
                fsspec.core.url_to_fs(url)[0].rm([f"{url}/{found.draft}"])
                yield found

    given = {"rows": range(60), "options": ms.BatchOptions()}
    with pytest.raises(errors.StorageError):
        job(engine=Losing(SlowProcess()), **given).run(show_output=False)
    assert job(**given).status().pieces > 4
    assert job(engine=FakeEngine(SlowProcess()), **given).run(show_output=False).rows_out == 60
    assert accounted(url) == expected(list(range(60)))


def test_a_piece_that_an_engine_runs_twice_counts_once(job, url):
    """Its second draft is not used, and a complete job does nothing again."""
    assert job(engine=FakeEngine(repeats=2)).run().rows_out == 30
    assert accounted(url) == expected(list(range(30)))
    assert job().run().scored == 0
    assert json.loads(objects(url)["_SUCCESS"])["rows_in"] == 30


def test_a_job_whose_rows_all_failed_says_so(job, url):
    """With the most frequent reason, and the URL of the rows."""
    with pytest.raises(errors.BatchStoppedError, match="all 9 rows .*a negative number") as caught:
        job([-1] * 9, error_threshold=-1).run()
    assert f"{url}/_failed" in caught.value.hint


def test_a_job_whose_output_is_removed_meanwhile_is_not_complete(job, url):
    """The next run scores what is missing."""

    def remove(_status):
        with suppress(FileNotFoundError):  # of the second piece on
            fsspec.core.url_to_fs(url)[0].rm([f"{url}/rows-00000.csv"])

    with pytest.raises(errors.BatchOutputError, match=r"removed or changed rows-00000\.csv"):
        job().run(on_progress=remove)
    assert "_SUCCESS" not in objects(url)
    assert job().run().scored == 1
    assert accounted(url) == expected(list(range(30)))


@pytest.mark.parametrize("verify", [False, True])
def test_output_that_has_changed_is_scored_again(job, url, verify):
    """The size is compared; the digest, too, if it is asked for."""
    job().run()
    changed = objects(url)["rows-00001.csv"][:-1] + (b"7" if verify else b"")
    fsspec.core.url_to_fs(url)[0].pipe_file(f"{url}/rows-00001.csv", changed)
    assert job(verify=verify).run().scored == 1
    assert accounted(url) == expected(list(range(30)))


def test_what_is_not_of_the_job_is_refused(job, url):
    """Nothing is written next to it."""
    fsspec.core.url_to_fs(url)[0].pipe_file(f"{url}/thesis.tex", b"")
    with pytest.raises(errors.BatchOutputError, match=r"it has thesis\.tex"):
        job().run()
    assert [*objects(url)] == ["thesis.tex"]


@pytest.mark.long
def test_a_job_whose_driver_is_killed_at_any_time_is_resumed(job, url):
    """Whatever it waits for; what it claimed does not stop the next one on its machine."""
    made = job(range(300))
    for each in range(10):
        pid = begun(lambda: made.run(show_output=False))
        time.sleep(0.2 + each / 10)
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) in {0, -signal.SIGKILL}
    made.run(show_output=False)
    assert accounted(url) == expected(list(range(300)))


def test_commands_on_the_output(job, url, tmp_path):
    """Its status, its report and its metrics are read from the store."""
    job([*range(10), -1]).run().to_html(tmp_path / "report.html")
    status = BatchStatus.of(url)
    assert (status.state, status.rows_out, status.failed) == ("complete", 10, 1)
    assert "a negative number" in (tmp_path / "report.html").read_text()
    assert evaluate_output(url, label="a", task="regression").metrics["mae"] == 1
    for typed in (["batch", "status", url], ["evaluate", url, "--label", "a"]):
        assert CliRunner().invoke(cli, typed).exit_code == 0
    missing = CliRunner().invoke(cli, ["evaluate", f"{url}-2", "--label", "a"])
    assert missing.exit_code == errors.BatchOutputError.exit_code


def test_lists_of_other_lengths_are_written_again(job, url, tmp_path):
    """In all pieces as lists; the objects are those of the manifest, and the report shows them."""
    given = {"engine": FakeEngine(Lists()), "options": ms.BatchOptions(piece_bytes=4)}
    job([2, 2, -1, 0, 3], **given).run().to_html(tmp_path / "report.html")
    written = {name: each for name, each in objects(url).items() if not name.startswith("_")}
    headers = {each.splitlines()[0] for each in written.values()}
    assert (len(written) > 1, headers) == (True, {b"a,y,z,note"})
    assert b'\n3,"[0.0, 1.0, 2.0]","[""3"", 3]",\n' in written[max(written)]
    assert job([2, 2, -1, 0, 3], verify=True, **given).run().scored == 0
