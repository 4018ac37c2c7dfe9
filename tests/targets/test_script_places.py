"""Where a script is, and what it can import: alike in process, as a process and in Docker."""

import subprocess
import uuid

import pytest

from modelship import DeployTarget, Serving
from modelship.batch.scoring_places import PACKAGE, scoring_place
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

# What Azure ML's server has loaded of a package that a script imports, and what it has not.
SUBMODULES = {
    "urllib.request": True,
    "concurrent.futures": True,
    "importlib.metadata": True,
    "os.path": True,
    "xml.etree": True,
    "logging.handlers": True,
    "cryptography.x509": True,
    "xml.sax": False,
    "html.parser": False,
    "multiprocessing.shared_memory": False,
    "cryptography.fernet": False,
}
ASKS = f"""
import concurrent, cryptography, html, importlib, logging, multiprocessing, os, sys, urllib, xml
def has(name):
    package, _, submodule = name.partition(".")
    return hasattr(sys.modules[package], submodule)
found = {{name: has(name) for name in {list(SUBMODULES)}}}
def init():
    assert found == {SUBMODULES}, found
def run(raw_data):
    return found
"""


@pytest.fixture
def bundle_of(bare_lock, tmp_path):
    """Return what makes a bundle of a script that lies two folders down."""

    def make(script, *, name="score.py"):
        return _bundle(script, name=name, folder=tmp_path, lock=bare_lock)

    return make


@pytest.fixture
def bundle(bundle_of):
    """Return a bundle whose script tells where it is."""
    return bundle_of(SCRIPT, name="my-score.py")


def _bundle(script, *, name, folder, lock):
    source = folder / "source"
    (source / "scripts" / "inner").mkdir(parents=True, exist_ok=True)
    (source / "scripts" / "inner" / "within.py").write_text("")
    (source / "beside.py").write_text("WORD = 'beside'\n")
    (source / "labels.txt").write_text("cat, dog")
    made = script_bundle(
        script,
        folder=folder,
        environment=Environment(lock.python, ()),
        entry_script=f"scripts/inner/{name}",
        sample_input=[],
    )
    return with_lock(made, lock=lock)


def answers_on(bundle, *places):
    """Return what each place answers, and in process."""
    asked = [ScoringRequest.of([], label="where")]
    report = compare(bundle, on=places, requests=asked, show_output=False)
    return [each.value for each in report.answers[0].values()]


def test_a_script_some_folders_down_runs_alike_on_both_servers(bundle, shared_home, monkeypatch):
    """The current folder is the root, which comes first on the path; the script's own does not."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    places = [_served_by(each) for each in ("azmlinfsrv", "modelship")]
    assert answers_on(bundle, *places) == [FOUND] * 3


def test_a_script_finds_the_submodules_that_azures_server_has_loaded(
    bundle_of, shared_home, monkeypatch
):
    """So it does on both servers, in process, in the trial and in a batch job; no others."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    bundle = bundle_of(ASKS)
    places = [_served_by(each) for each in ("azmlinfsrv", "modelship")]
    assert answers_on(bundle, *places) == [SUBMODULES] * 3
    assert errors_on("process", bundle) == []
    with scoring_place(bundle, timeout_s=60) as place:
        load = f"from {PACKAGE}.batch.scorer.scorer_loop import load; load()"
        app, variables = place.folder / "app", dict(place.variables)
        subprocess.run([place.python, "-c", load], cwd=app, env=variables, check=True)


def _served_by(server):
    return DeployTarget.open("process").with_serving(Serving(server=server))


@pytest.mark.docker
def test_a_script_some_folders_down_runs_alike_in_docker(
    bundle_of, shared_home, docker_base_image, monkeypatch
):
    """It answers each request in a container as in process, and no container is left."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    place = DeployTarget.open("docker", base_image=docker_base_image)
    # A bundle of this run alone: the engine may hold services of other runs, even cut off ones.
    bundle = bundle_of(f"{SCRIPT}# {uuid.uuid4()}\n", name="my-score.py")
    report = compare(bundle, on=[place], show_output=False)
    assert report.equal, str(report)
    assert [each.value for each in report.answers[0].values()] == [FOUND] * 2
    assert [each["docker"].status for each in report.answers].count(200) > 20
    assert not [each for each in place.list() if each.digest == bundle.digest]


@pytest.mark.long
@pytest.mark.docker
@pytest.mark.parametrize("server", ["azmlinfsrv", "modelship"])
def test_a_script_finds_the_same_submodules_in_docker(
    bundle_of, shared_home, docker_base_image, monkeypatch, server
):
    """The build of the image has recorded what Azure ML's server loads."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    place = DeployTarget.open("docker", base_image=docker_base_image)
    place = place.with_serving(Serving(server=server))
    assert answers_on(bundle_of(ASKS), place) == [SUBMODULES] * 2


def test_the_check_tries_such_a_script(bundle, shared_home, monkeypatch):
    """Nothing is wrong with it on a process; on Azure its name is, and where it reads a file."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    assert errors_on("process", bundle) == []
    errors = [each for each in bundle.check(target="aci", trial=False) if each.blocks]
    assert [each.code for each in errors] == ["MS407", "MS109"]
    assert "my_score.py" in errors[0].advice


OPENS = "import os\nfrom beside import WORD\ndef init(): open({})\ndef run(raw_data): return 1\n"
BESIDE_SCRIPT = "os.path.join(os.path.dirname(__file__), '../../labels.txt')"


def errors_on(target, bundle, **options):
    """Return the code and the line of each error that the check finds."""
    found = bundle.check(target=target, **options)
    return [(each.code, each.line) for each in found if each.blocks]


@pytest.mark.parametrize("path", ["'labels.txt'", "os.environ['AML_APP_ROOT'] + '/labels.txt'"])
def test_azure_has_the_files_below_the_current_folder(bundle_of, path):
    """What is opened there by a path from the current folder is found without running it."""
    bundle = bundle_of(OPENS.format(path))
    assert errors_on("aci", bundle, trial=False) == [("MS109", 3)]
    [finding] = [each for each in bundle.check(target="aks", trial=False) if each.blocks]
    assert BESIDE_SCRIPT in finding.advice
    assert errors_on("process", bundle, trial=False) == []
    assert errors_on("aci", bundle_of(OPENS.format(BESIDE_SCRIPT)), trial=False) == []


def test_the_trial_lays_the_source_out_as_the_place_does(bundle_of, shared_home, monkeypatch):
    """What only shows when it runs is found for Azure, in the script's own words and lines."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    bundle = bundle_of(OPENS.format("''.join(['labels', '.txt'])"))
    assert errors_on("process", bundle) == []
    [finding] = [each for each in bundle.check(target="aci") if each.blocks]
    assert (finding.code, finding.where) == ("MS109", "scripts/inner/score.py:3")
    assert errors_on("aci", bundle_of(OPENS.format(BESIDE_SCRIPT))) == []
