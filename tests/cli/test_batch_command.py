"""``modelship batch``: score files, follow the job, and show what it wrote."""

from __future__ import annotations

import json
import sys

import pytest
from fsspec import AbstractFileSystem, register_implementation

from modelship.bundle import Environment, ScoringBundle
from modelship.testing import with_lock

SCRIPT = """
import json
import os


def init():
    if "FAIL" in os.environ:
        raise OSError(f"there is no model: {os.environ['FAIL']}")


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    if any(row[0] < 0 for row in rows):
        raise ValueError(f"a negative number, with {os.environ['TOKEN']}")
    return [sum(row) for row in rows]
"""


class FakeInterruptedStore(AbstractFileSystem):
    """The user presses Ctrl-C while it is asked."""

    protocol = "interrupted"

    def ls(self, _path, **_options):
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, bare_lock):
    """Return the folder of a bundle whose script adds the numbers of a row."""
    folder = tmp_path_factory.mktemp("adding")
    (folder / "score.py").write_text(SCRIPT)
    environment = Environment(python=bare_lock.python, requirements=())
    made = ScoringBundle(
        [],
        entry_script=folder / "score.py",
        environment=environment,
        sample_input={"data": [[1, 2]]},
    )
    with_lock(made, lock=bare_lock).save(folder / "bundle")
    return folder / "bundle"


@pytest.fixture(autouse=True)
def home(here, shared_home, monkeypatch):
    """Run the jobs in the environments of this run of the tests."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


@pytest.fixture
def rows(here):
    """Write four rows, one of which fails."""
    (here / "my rows.csv").write_text("a,b\n1,2\n3,4\n-1,0\n5,6\n")
    return "my rows.csv"


def test_a_job_from_its_rows_to_its_report(bundle, rows, here, modelship, monkeypatch):
    """Each row is accounted for; the status and the report are those of the folder."""
    monkeypatch.setenv("SECRET_TOKEN", "very-secret-token")
    typed = ("batch", bundle, rows, "-o", "out", "--workers", 1, "--column", "b")
    done = modelship(*typed, "--secret", "TOKEN=env:SECRET_TOKEN", "--quiet", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["rows_in"], document["rows_out"], document["failed"]) == (4, 3, 1)
    assert document["failures"] == [
        {"reason": "ValueError: a negative number, with ***", "rows": 1}
    ]
    written = (here / "out/my rows-00000.csv").read_text().replace('"', "").split()
    assert written == ["b,prediction", "2,3", "4,7", "6,11"]
    assert json.loads(modelship("batch", "status", "out", "--json").stdout)["state"] == "complete"
    assert "complete" in modelship("batch", "status", "out").stdout
    assert modelship("batch", "report", "out", "-o", "page.html").exit_code == 0
    assert "a negative number" in (here / "page.html").read_text()
    assert not any(
        b"very-secret" in each.read_bytes() for each in (here / "out").rglob("*") if each.is_file()
    )


def test_a_job_that_ends_early_names_the_command_that_resumes_it(bundle, rows, modelship):
    """The command is the one that was typed, quoted for a shell."""
    done = modelship("batch", bundle, rows, "-o", "out", "--variable", "FAIL=no", "--quiet")
    assert done.exit_code == 11
    assert "OSError: there is no model" in done.stderr
    resume = f"modelship batch {bundle} 'my rows.csv' -o out --variable FAIL=no --quiet"
    assert f"-> Fix the cause. This scores what is missing: {resume}" in done.stderr


def test_an_interrupt_before_the_first_piece_names_the_command(bundle, modelship):
    """Also while the files are listed or read for the plan."""
    register_implementation("interrupted", FakeInterruptedStore, clobber=True)
    done = modelship("batch", bundle, "interrupted://rows.csv", "-o", "out", "--quiet")
    assert done.exit_code == 130
    assert f"scores the rest: modelship batch {bundle} interrupted://rows.csv" in done.stderr


def test_a_folder_of_something_else_is_no_output(here, modelship):
    """The error says what it lacks."""
    done = modelship("batch", "status", here)
    assert done.exit_code == 11
    assert "no _modelship/plan.json" in done.stderr


@pytest.mark.parametrize(
    "typed",
    [("status", "out"), ("report", "out", "-o", "page.html"), ("parity", "out", "-n", "a-svc")],
)
def test_without_pyarrow_the_extra_is_named(typed, modelship, monkeypatch):
    """What reads rows is in an extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'modelship-ml[batch]'" in modelship("batch", *typed).stderr


@pytest.mark.parametrize("typed", [(), ("bundle",), ("bundle", "rows.csv")])
def test_what_is_missing_is_said(typed, modelship):
    """A bundle, an input and an output are needed."""
    assert modelship("batch", *typed).exit_code == 2


def test_help_shows_the_commands_on_an_output(modelship):
    """They are typed after batch, and have their own help."""
    helped = modelship("batch", "--help").stdout
    for name in ("status", "report", "parity"):
        assert f"batch {name} OUTPUT" in helped
        assert f"Example: modelship batch {name}" in modelship("batch", name, "--help").stdout


def test_a_size_of_pieces_is_named_as_it_was_typed(bundle, rows, modelship):
    """In MiB; the argument of Python has bytes, and another name."""
    typed = ["batch", bundle, rows, "-o", "scored", "--piece-mb", "0.5"]
    refused = modelship(*typed, "--output-action", "append_row")
    assert "--piece-mb is 0.5; expected nothing here" in refused.stderr
