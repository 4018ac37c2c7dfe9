"""The trial: init() and run() for real, in the bundle's own environment."""

import os
import subprocess
from dataclasses import replace

import psutil
import pytest

from modelship.bundle import Environment
from modelship.bundle.profile import Profile
from modelship.runtime.descendants import descendants, memory_of_descendants
from modelship.testing import script_bundle, with_lock
from waiting import wait_until

PLACE = Profile("a place", scoring_timeout_s=60.0, start_timeout_s=60.0)
HASTY = {
    "an init() without end": replace(PLACE, start_timeout_s=2.0),
    "a run() without end": replace(PLACE, scoring_timeout_s=2.0),
}


# Lies beside each script; it prints what goes wrong while it loads, and answers with the rest.
ORDERS = """import os
def load():
    try:
        open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "modell.pkl"))
        globals()["model"] = 1
    except Exception as error:
        print(error)
def answer():
    try:
        return model.predict()
    except Exception as error:
        return {"error": str(error)}
"""


@pytest.fixture(autouse=True)
def home(shared_home, monkeypatch):
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))


@pytest.fixture
def check(bare_lock, tmp_path):
    """Return a function from the text of a script to what its check finds."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/orders.py").write_text(ORDERS)

    def check(script, served=None, place=PLACE, **options):
        bundle = script_bundle(
            script,
            folder=tmp_path,
            environment=Environment(python=bare_lock.python, requirements=()),
            **{"sample_input": {"data": [1]}, **options},
        )
        return with_lock(bundle, lock=bare_lock).check(target=place, **served or {})

    return check


def script(init="pass", run="return 1", top=""):
    """Return a script with these bodies."""
    return f"{top}\ndef init():\n    {init}\n\ndef run(raw_data):\n    {run}\n"


FAILING = {
    "an import that raises": (script(top="1 / 0"), "MS501", "score.py:1"),
    "an init() that raises": (script(init="[][1]"), "MS502", "score.py:3"),
    "a run() that raises": (script(run="return {}['x']"), "MS503", "score.py:6"),
    "an init() that exits": (script(init="raise SystemExit(3)"), "MS506", "score.py:3"),
    "a run() that ends the process": (
        script(top="import os", run="os._exit(0)"),
        "MS506",
        "score.py",
    ),
    "a crash": (script(top="import ctypes", init="ctypes.string_at(0)"), "MS507", "score.py"),
    "an init() without end": (
        script(top="import time", init="time.sleep(60)"),
        "MS504",
        "score.py",
    ),
    "a run() without end": (script(top="import time", run="time.sleep(60)"), "MS405", "score.py"),
    "an answer that is no number": (script(run="return [float('nan')]"), "MS508", "score.py"),
    "JSON in an answer": (
        script(top="import json\nencode = json.dumps", run="return encode([1])"),
        "MS108",
        "score.py",
    ),
    "a key that is no text": (script(run="return {(1, 2): 3}"), "MS107", "score.py"),
    "an exception in an answer": (
        script(top="import orders", init="orders.load()", run="return orders.answer()"),
        "MS106",
        "orders.py:4",
    ),
    "a module that is not there": (
        script(top="import importlib", init="importlib.import_module('cv2')"),
        "MS104",
        "score.py:3",
    ),
}


class TestFailures:
    """Trials that fail."""

    @pytest.mark.parametrize("case", FAILING)
    def test_what_fails_has_a_name_and_a_place(self, check, case):
        """Each failure has the code of its cause, and the line of the script where it has one."""
        text, code, where = FAILING[case]
        found = check(text, place=HASTY.get(case, PLACE))
        assert [(each.code, each.where) for each in found] == [(code, where)]


def test_what_works_has_no_finding(check):
    """A script that answers its sample request is left alone."""
    assert check(script(top="import json", run="return json.loads(raw_data)")) == ()


BRINGING = """import os, pickle, sys
class Scale:
    def __call__(self, row): return [2 * each for each in row]
class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        return Scale if module == "__main__" else super().find_class(module, name)
def init():
    global model
    if os.environ.get("LOCAL"):
        model = pickle.load(open("outputs/model.pkl", "rb"))
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"), "rb") as file:
        model = Unpickler(file).load()
def run(raw_data):
    return model([1])
"""


def test_a_trial_that_goes_well_refutes_doubts(check, monkeypatch):
    """The class seems to be the notebook's, and a branch seems to read what is not there."""
    scale = type("Scale", (), {"__module__": "__main__"})
    monkeypatch.setattr("__main__.Scale", scale, raising=False)
    doubts = check(BRINGING, {"trial": False}, model=scale())
    assert [(each.code, each.blocks) for each in doubts] == [("MS303", False), ("MS106", False)]
    assert check(BRINGING, model=scale()) == ()


def test_memory_beyond_what_is_asked_for_is_found(check):
    """A script that takes more than its bundle asks for is ended, and the cause is named."""
    [finding] = check(script(init="global x; x = bytearray(b'1') * 400_000_000"), memory_gb=0.2)
    assert finding.code == "MS505"


def test_without_a_sample_request_run_is_not_tried(check):
    """The check says that it could not try run()."""
    [finding] = check(script(run="return {}['x']"), sample_input=None)
    assert (finding.code, finding.blocks) == ("MS509", False)


def test_a_request_that_the_schema_refuses_is_found(check):
    """A sample that lacks a parameter is refused before run() is called."""
    schema = "inference_schema.parameter_types.standard_py_parameter_type"
    top = (
        "from inference_schema.schema_decorators import input_schema\n"
        f"from {schema} import StandardPythonParameterType as Type"
    )
    text = script(top=top).replace("def run(raw", "@input_schema('raw', Type([1]))\ndef run(raw")
    [finding] = check(text.replace("(raw_data)", "(raw)"))
    assert finding.code == "MS510"


def test_the_evidence_names_no_folder_of_this_machine(check, tmp_path):
    """A traceback begins in the script, and shows its path as the bundle does."""
    [finding] = check(script(init="[][1]"))
    assert 'File "score.py", line 3' in finding.evidence
    assert "modelship-" not in finding.evidence


def test_the_memory_of_all_processes_below_one_counts():
    """The kernel's lists hold the same processes as those that psutil looks for."""
    command = ["bash", "-c", "sleep 60 & sleep 60 & echo; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        expected = {each.pid for each in psutil.Process(process.pid).children(recursive=True)}
        found = {each.pid for each in descendants(process.pid)}
        all_found = {each.pid for each in descendants(os.getpid())}
        some_bytes = psutil.Process(process.pid).memory_info().rss
        assert memory_of_descendants(os.getpid()) > some_bytes > 0
        for each in psutil.Process(process.pid).children():
            each.kill()
    assert len(found) == 2
    assert found == expected
    assert found | {process.pid} <= all_found


def runs(pid):
    """Return whether there is such a process, and it is not just waiting to be reaped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_nothing_is_left_running(check, tmp_path):
    """What the script started is ended with it."""
    started = tmp_path / "pid"
    top = "import subprocess\ndef start():\n    child = subprocess.Popen(['sleep', '60'])\n"
    top += f"    with open({str(started)!r}, 'w') as file:\n        file.write(str(child.pid))"
    assert check(script(top=top, init="start()")) == ()
    pid = int(started.read_text())
    wait_until(lambda: not runs(pid))  # a signal takes effect when the machine gets to it


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_hostile_model_is_not_loaded(check, tmp_path):
    """What would run a command when it is loaded is found, and the script is not tried."""
    load = "pickle.load(open(os.environ['AZUREML_MODEL_DIR'] + '/model.pkl', 'rb'))"
    found = check(script(top="import os, pickle", init=load), model=Hostile(tmp_path / "ran"))
    assert "MS301" in [each.code for each in found]
    assert not (tmp_path / "ran").exists()


READING = script(
    top="import os\nMODE = os.environ['MODE']",
    init="assert os.environ['TOKEN'] == 'hunter2-hunter2'",
    run="return MODE",
)


def test_a_script_is_tried_with_the_variables_and_secrets_of_its_service(check, monkeypatch):
    """Without them it fails as the service would, and it is said how they are set."""
    monkeypatch.setenv("MINE", "hunter2-hunter2")
    served = {"variables": {"MODE": "fast"}, "secrets": {"TOKEN": "env:MINE"}}
    assert check(READING, served) == ()
    [finding] = check(READING)
    assert "environment variable MODE, which the service does not have" in finding.problem
    assert "--variable MODE=..." in finding.advice


def test_a_trial_does_not_tell_a_secret_on(check, monkeypatch):
    """The script's exception is shown with three stars in place of the value."""
    monkeypatch.setenv("MINE", "hunter2-hunter2")
    shown = "import os\n    print(os.environ['TOKEN'])\n    "
    for end in ("raise OSError(os.environ['TOKEN'])", "os._exit(3)"):
        [finding] = check(script(init=shown + end), {"secrets": {"TOKEN": "env:MINE"}})
        assert "***" in str(finding) + finding.evidence
        assert "hunter2" not in repr(finding)
