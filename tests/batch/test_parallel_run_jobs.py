"""Jobs with the mini-batches of ParallelRunStep: what is written, counted and resumed."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from fake_scoring import FakeEngine

import modelship as ms
from modelship.batch.batch_account import BatchAccount
from modelship.batch.batch_plan import BatchPlan
from modelship.batch.bisecting import TooManyFailedError
from modelship.batch.manifest import Entry
from modelship.batch.mini_batch.batch_pool import score_files
from modelship.batch.mini_batch.mini_batch_settings import BatchSettings
from modelship.batch.mini_batch_work import scored_in_mini_batches
from modelship.batch.scored_rows import Elements
from modelship.batch.scoring_process import CallError
from modelship.errors import BatchStoppedError, InvalidOptionError

SCRIPT = """
import os, pathlib

def init():
    pass

def run(mini_batch):
    names = [pathlib.Path(each).name for each in mini_batch]
    if "3.txt" in names:
        raise ValueError("three")
    out = pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"])
    (out / f"of-{names[0]}").write_text(" ".join(names))
    return [(each, None) for each in names if each != "4.txt"]
"""


@pytest.fixture
def bundle(bare_bundle):
    """Return the bundle of the script."""
    return bare_bundle(SCRIPT)


@pytest.fixture
def job(bundle, tmp_path):
    """Return a function that makes a job over seven files, in mini-batches of two."""
    (tmp_path / "in").mkdir()
    for number in range(7):
        (tmp_path / f"in/{number}.txt").write_text("")

    def made(action):
        options = ms.BatchOptions(items="files", output_action=action, mini_batch_size=2)
        return ms.BatchJob(bundle, tmp_path / "in", tmp_path / "out", options=options)

    return made


@pytest.mark.long
def test_too_many_failed_mini_batches_end_the_job(job):
    """A higher threshold keeps what is done."""
    made = job("summary_only")
    made.mini_batch_error_threshold = 0
    with pytest.raises(BatchStoppedError, match="1 of the mini-batches failed, more") as found:
        made.run(show_output=False)
    assert "so many mini-batches may fail, run it with a higher mini" in found.value.hint
    assert "(--mini-batch-error-threshold)" in found.value.hint
    made.mini_batch_error_threshold = 1
    made.allowed_failed_percent = 24.9
    with pytest.raises(BatchStoppedError, match=r"1 of 4 mini-batches failed, more than 24.9 %"):
        made.run(show_output=False)
    made.allowed_failed_percent = 25.0
    summary = made.run(show_output=False)
    assert summary.scored < summary.pieces


def test_append_row_writes_one_file_of_elements(job, tmp_path):
    """A mini-batch that raises fails as a whole, and a missing element counts; as on Azure."""
    summary = job("append_row").run(show_output=False)
    assert (summary.rows_in, summary.rows_out, summary.failed) == (7, 4, 3)
    assert summary.failed_batches == 1
    assert "3 failed (1 mini-batch failed)" in str(summary)
    assert "3 failed (1 mini-batch failed)" in str(job("append_row").status())
    written = tmp_path / "out/parallel_run_step.txt"
    lines = [f"('{each}.txt', None)\n" for each in (0, 1, 5, 6)]
    assert written.read_text() == "".join(lines)
    script, place = str(tmp_path / "score.py"), tmp_path / "azure"
    as_on_azure = BatchSettings(
        script, str(tmp_path / "in"), str(place), mini_batch_size=2, max_retries=0
    )
    assert score_files(as_on_azure, say=lambda _: None).failed == summary.failed
    assert (place / "predictions.csv").read_text() == "".join(lines)
    files = sorted((tmp_path / "out/_failed").iterdir())
    failed = [line for each in files for line in each.read_text().splitlines()]
    reason = "run() returned 1 elements for the 2 files from '4.txt' to '5.txt'"
    assert [json.loads(each) for each in failed] == [
        {"file": "2.txt", "reason": "ValueError: three"},
        {"file": "3.txt", "reason": "ValueError: three"},
        {"file": "", "reason": reason},
    ]


def test_summary_only_counts_the_elements(job, tmp_path):
    """The files are those of the script, and they are no obstacle to another run."""
    summary = job("summary_only").run(show_output=False)
    assert (summary.rows_in, summary.rows_out, summary.failed) == (7, 4, 3)
    names = {each.name for each in (tmp_path / "out").iterdir() if each.name[0] != "_"}
    assert names == {"of-0.txt", "of-4.txt", "of-6.txt"}
    assert job("summary_only").run(show_output=False).scored == 0


class Scripted:
    """A process whose calls come out as they are listed."""

    def __init__(self, *outcomes):
        self.outcomes = [*outcomes]

    def start(self):
        """Do nothing."""

    def put(self, table):
        """Do nothing."""

    def score_mini_batch(self, first, stop, *, timeout_s):
        """Return or raise the next outcome."""
        found = self.outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def test_a_job_in_which_all_failed_leaves_no_file(job, tmp_path):
    """A step that waits for the file of elements must not find an empty one."""
    made = job("append_row")
    made.engine, made.check = FakeEngine(Scripted(*[CallError("ValueError: no")] * 8)), "off"
    with pytest.raises(BatchStoppedError, match="all 7 rows failed"):
        made.run(show_output=False)
    assert [each.name for each in (tmp_path / "out").iterdir() if each.name[0] != "_"] == []


def scored(*outcomes, threshold=-1, rows=4):
    """Return what comes of mini-batches of two files with three tries."""
    options = ms.BatchOptions(items="files", output_action="append_row", mini_batch_size=2)
    plan = SimpleNamespace(options=options)
    work = SimpleNamespace(plan=plan, retries=2, timeout_s=1, error_threshold=threshold)
    table = pa.table({"path": ["x"] * rows})
    return scored_in_mini_batches(work, table, Scripted(*outcomes), tell=lambda *_: None)


def test_a_mini_batch_that_succeeds_later_is_no_failure():
    """It is tried as often as the contract says."""
    error = CallError("no")
    found = scored(error, error, Elements(2, b"a\nb\n"), error, error, error)
    assert (found.rows_out, found.failed, found.failed_batches) == (2, 2, 1)


def test_more_elements_than_items_are_no_failure():
    """They are written, and count as the items."""
    found = scored(Elements(3, b"a\nb\nc\n"), Elements(0, b""))
    assert (found.rows_out, len(found.bad), found.failed_batches) == (2, 2, 0)


def test_too_many_failed_items_end_the_piece():
    """The threshold counts items, not mini-batches."""
    with pytest.raises(TooManyFailedError):
        scored(Elements(1, b"a\n"), Elements(1, b"a\n"), threshold=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"output_action": "both"}, "'append_row' or 'summary_only'"),
        ({"mini_batch_size": "10"}, "no effect without output_action"),
        ({"output_action": "append_row", "call_rows": 5}, "no effect with append_row"),
        ({"output_action": "append_row", "mini_batch_size": "ten"}, "'10MB'"),
        (
            {"output_action": "append_row", "items": "files", "mini_batch_size": "1KB"},
            "how many files",
        ),
        ({"output_action": "append_row", "append_row_file_name": "_SUCCESS"}, "name of a file"),
    ],
)
def test_options_that_mean_nothing_are_refused(bundle, given, message):
    """With the name of the option."""
    with pytest.raises(InvalidOptionError, match=message):
        ms.BatchJob(bundle, "in", "out", options=ms.BatchOptions(**given))


@pytest.mark.parametrize(
    "given", [{"mini_batch_error_threshold": 1}, {"allowed_failed_percent": 9}]
)
def test_a_threshold_without_an_action_is_refused(bundle, given):
    """There are no mini-batches then."""
    with pytest.raises(InvalidOptionError, match="no effect without output_action"):
        ms.BatchJob(bundle, "in", "out", **given)


@pytest.mark.parametrize("percent", [-1, 100.5, float("nan")])
def test_a_percentage_is_from_0_to_100(bundle, percent):
    """As Azure's."""
    options = ms.BatchOptions(output_action="append_row")
    with pytest.raises(InvalidOptionError, match="a number from 0 to 100"):
        ms.BatchJob(bundle, "in", "out", options=options, allowed_failed_percent=percent)


@pytest.mark.parametrize(("percent", "is_ended"), [(100, False), (25, False), (24.9, True)])
def test_more_failed_mini_batches_than_the_percentage_end_the_job(job, percent, is_ended):
    """The percentage is that of all mini-batches of the job, which are four."""
    plan = job("append_row").plan()
    failed = Entry(0, 2, 0, 2, output="", size_bytes=0, digest="", failed_batches=1)
    account = BatchAccount(plan, {0: failed})
    with pytest.raises(BatchStoppedError) if is_ended else nullcontext():
        account.require_batches_at_most(-1, percent=percent)


def test_a_script_without_mini_batches_is_refused(idle_bundle):
    """Its run() takes requests."""
    options = ms.BatchOptions(output_action="append_row")
    with pytest.raises(InvalidOptionError, match=r"run\(mini_batch\)"):
        ms.BatchJob(idle_bundle, "in", "out", options=options)


OF_TABLES = """
def init():
    pass

def run(mini_batch):
    return mini_batch[["a", "region"]]
"""


@pytest.mark.long
def test_a_table_is_split_by_its_size(model_bundle, tmp_path):
    """A mini-batch is a DataFrame; the one that is returned is written with spaces."""
    (tmp_path / "score.py").write_text(OF_TABLES)
    environment = model_bundle[0].environment
    bundle = ms.ScoringBundle([], entry_script=tmp_path / "score.py", environment=environment)
    place = tmp_path / "in/region=EU"
    place.mkdir(parents=True)
    pd.DataFrame({"a": range(1000)}).to_csv(place / "rows.csv", index=False)
    options = ms.BatchOptions(output_action="append_row", mini_batch_size="1kb")
    summary = ms.BatchJob(bundle, tmp_path / "in", tmp_path / "out", options=options).run()
    assert (summary.rows_out, summary.pieces) == (1000, 4)
    lines = (tmp_path / "out/parallel_run_step.txt").read_text().splitlines()
    assert lines == [f"{each} EU" for each in range(1000)]


def test_a_plan_has_only_options_that_are_given():
    """So jobs of versions without these are resumed."""
    usual = BatchPlan("digest", ms.BatchOptions(), (), ())
    assert "output_action" not in usual.to_json()
    assert BatchPlan.from_json(usual.to_json()) == usual
    given = ms.BatchOptions(output_action="append_row", partition_keys=("a", "b"))
    assert BatchPlan.from_json(BatchPlan("digest", given, (), ()).to_json()).options == given
