"""Where a script is, and what it can import: alike in process, as a process and in Docker."""

import pytest

from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.parity import ScoringRequest, compare
from modelship.testing.bundles import script_bundle, with_lock

# In a folder of the source directory, and named as no module is.
SCRIPT = """
import os, sys
from beside import WORD
def init():
    global found
    root = os.environ["AML_APP_ROOT"]
    try:
        import within
    except ImportError:
        within = None
    found = {
        "here": os.path.samefile(os.getcwd(), root),
        "script": os.path.relpath(__file__, root),
        "word": WORD,
        "within": within is not None,
        "first": os.path.samefile(sys.path[0] or ".", root),
        "read": open("labels.txt").read(),
        "name": __name__,
    }
def run(raw_data):
    return found
"""
FOUND = {
    "here": True,
    "script": "scripts/inner/my-score.py",
    "word": "beside",
    "within": False,
    "first": True,
    "read": "cat, dog",
    "name": "entry_module",
}


@pytest.fixture
def bundle(bare_lock, tmp_path):
    """Return a bundle whose script lies two folders down."""
    source = tmp_path / "source"
    (source / "scripts" / "inner").mkdir(parents=True)
    (source / "scripts" / "inner" / "within.py").write_text("")
    (source / "beside.py").write_text("WORD = 'beside'\n")
    (source / "labels.txt").write_text("cat, dog")
    made = script_bundle(
        SCRIPT,
        folder=tmp_path,
        environment=Environment(bare_lock.python, ()),
        entry_script="scripts/inner/my-score.py",
        sample_input=[],
    )
    return with_lock(made, lock=bare_lock)


def answers_on(bundle, *places):
    """Return what each place answers, and in process."""
    asked = [ScoringRequest.of([], label="where")]
    report = compare(bundle, on=places, requests=asked, show_output=False)
    return [each.value for each in report.answers[0].values()]


def test_a_script_some_folders_down_runs_alike_on_both_servers(bundle, shared_home, monkeypatch):
    """The current folder is the root, which comes first on the path; the script's own does not."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    places = [DeployTarget.open("process", server=each) for each in ("azmlinfsrv", "modelship")]
    assert answers_on(bundle, *places) == [FOUND] * 3


@pytest.mark.docker
def test_a_script_some_folders_down_runs_alike_in_docker(
    bundle, shared_home, docker_base_image, monkeypatch
):
    """It is the same in a container."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    place = DeployTarget.open("docker", base_image=docker_base_image)
    assert answers_on(bundle, place) == [FOUND] * 2


def test_the_check_tries_such_a_script(bundle, shared_home, monkeypatch):
    """Nothing is wrong with it on a process; on Azure its name is."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    assert [each for each in bundle.check(target="process") if each.blocks] == []
    errors = [each for each in bundle.check(target="aci", trial=False) if each.blocks]
    assert [(each.code, each.path) for each in errors] == [("MS407", "scripts/inner/my-score.py")]
    assert "my_score.py" in errors[0].advice
