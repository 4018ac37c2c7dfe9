"""Scripts of users with the unmodified SDK on an old Python, in a terminal of the workspace.

One Python runs those of the gate, since its imports take seconds. It is in a terminal that has
sourced the workspace's file. In the gate, ``test_profiles.py`` profiles a model.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from client_environments import in_terminal
from offline_services import PYTHON
from test_profiles import require_measured

from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.profiling import measuring

pytestmark = pytest.mark.azure

PACKAGES = ("azureml-core", "azureml-dataset-runtime", "importlib_resources")
"""What the scripts of the gate import; more would be installed, and compiled."""
ONE_BY_ONE = """
import runpy, sys
from pathlib import Path

for script in sys.argv[1:]:
    sys.argv[1:] = [Path(script).stem + ".json"]
    runpy.run_path(script, run_name="__main__")
"""
CONDA = f"dependencies:\n- python={PYTHON}\n- pip:\n  - azureml-inference-server-http\n"


def run_scripts(offline, here, python, *names):
    """Run scripts one after the other; each writes a file of its name."""
    scripts = [Path(__file__).with_name(f"{each}_script.py") for each in names]
    in_terminal(offline, here, python, "-c", ONE_BY_ONE, *map(str, scripts))


@pytest.fixture(scope="module")
def written(tmp_path_factory, client_python):
    """Run the scripts of the gate; return a function that reads what one of them has written."""
    here = tmp_path_factory.mktemp("clients")
    with pytest.MonkeyPatch.context() as patch, OfflineWorkspace() as offline:
        patch.chdir(here)
        run_scripts(offline, here, client_python("3.8", *PACKAGES), "resources", "submit")
    return lambda name: (here / f"{name}_script.json").read_text()


def test_a_submitted_script_reads_a_dataset(written):
    """Its argument is where the files are, and so is the run's input of that name."""
    assert "True ['a.txt'] (3, 8)" in written("submit")


@pytest.mark.long
def test_a_model_is_run_and_measured(offline, here, client_python, shared_home, monkeypatch):
    """Of what was asked for, sent, answered and taken; a failure says why, and what is not read."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    monkeypatch.setattr(measuring, "_SHORTEST_S", 0.5)  # the rows several times are enough
    (here / "myenv.yml").write_text(CONDA)
    run_scripts(offline, here, client_python("3.8"), "profile")
    profiled = json.loads((here / "profile_script.json").read_text())
    require_measured(profiled["details"], again=profiled["again"])
    state, message, has_log = profiled["broken"]
    assert (state, has_log) == ("Failed", True)
    assert "NameError: name 'missing' is not defined" in message
    assert "and not with the step skip" in profiled["step"]
    assert "There is no profile with the name nope." in profiled["nope"]
    assert profiled["services"] == []


def test_the_workspace_is_listed_returned_and_changed(written):
    """It is the only one; to make sure of it is no error, and its description is kept."""
    found = json.loads(written("resources"))
    assert found["listed"] == {"offline": 1}
    assert found["own"] == "offline"
    assert found["details"] == ["For people", "Digits", {"a": "b"}]
    assert "already exists under resource group" in found["taken"]
    assert "Workspace not found." in found["wrong"]
    for made in ("second", "group"):
        assert "is the only one in its subscription" in found[made]
        assert "start `modelship azureml-offline` with another folder" in found[made]
    assert "end `modelship azureml-offline`" in found["removed"]
