"""The notebooks of examples/azureml-tutorial run in an offline workspace, as Jupyter runs them.

Their calls of the SDK are those of the scripts in tutorial, which are run more often.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from offline_services import deploying

pytestmark = pytest.mark.timeout(600)  # environments are installed on the way

FOLDER = Path(__file__).parents[3] / "examples" / "azureml-tutorial"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SCRIPTS = sorted((Path(__file__).parent / "tutorial").glob("*.py"))


def cells(path, kind="code"):
    """Return the cells of a notebook."""
    return [each for each in json.loads(path.read_text())["cells"] if each["cell_type"] == kind]


def said(path):
    """Return what the cells of a notebook printed."""
    outputs = [each for cell in cells(path) for each in cell["outputs"]]
    return "".join("".join(each.get("text", "")) for each in outputs)


def of_the_sdk(code):
    """Return what a program, or a script that it writes, imports from Azure ML's SDK."""
    found = re.findall(r"^from azureml\S* import (.+)", code, re.MULTILINE)
    return {name.strip() for each in found for name in each.split(",")}


@pytest.fixture(scope="module")
def executed(tmp_path_factory, shared_home):
    """Run the notebooks one after the other in one folder, and return it with the workspace."""
    folder = tmp_path_factory.mktemp("notebooks")
    with deploying(folder, home=shared_home) as place:
        for notebook in (*NOTEBOOKS, place.offline.config_path):
            shutil.copy(notebook, place.folder)
        sourced = shlex.quote(str(place.offline.folder / "environment.sh"))
        command = f"source {sourced} && exec {shlex.quote(sys.executable)} -m nbconvert"
        names = shlex.join(each.name for each in NOTEBOOKS)
        done = subprocess.run(
            ["bash", "-c", f"{command} --execute --inplace --to notebook {names}"],
            cwd=place.folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(folder),
                "JUPYTER_PLATFORM_DIRS": "1",
            },
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr
        yield place


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_repository_holds_no_outputs(path):
    """Neither what a cell wrote, nor the number of its run."""
    assert [(each["outputs"], each["execution_count"]) for each in cells(path)] == [
        ([], None) for _ in cells(path)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_cells_use_the_sdk_as_the_scripts_do(path):
    """Each cell can be parsed, and takes nothing from the SDK that the scripts do not take."""
    lines = ["".join(line for line in cell["source"] if line[0] != "%") for cell in cells(path)]
    taken = set().union(*(of_the_sdk(each) for each in lines if ast.parse(each)))
    assert taken
    assert taken <= set().union(*(of_the_sdk(each.read_text()) for each in SCRIPTS))


@pytest.mark.long
def test_the_training_notebook_registers_a_model(executed):
    """Part one submits a script to a cluster, in an environment that is installed for it."""
    printed = said(executed.folder / "part-one-train.ipynb")
    assert "Streaming user_logs/std_log.txt" in printed
    assert "\nCompleted\n" in printed
    assert "sklearn_mnist version 1 from run digits_" in printed


@pytest.mark.long
def test_the_service_of_the_notebook_answers_like_its_model(executed):
    """Part two deploys what part one registered, asks it, and leaves nothing."""
    printed = said(executed.folder / "part-two-deploy.ipynb")
    assert "ACI service creation operation finished" in printed
    assert "the service and the model agree" in printed
    assert printed.endswith("[]\n")
    assert executed.ws.webservices == {}


@pytest.mark.long
def test_each_picture_is_drawn(executed):
    """The confusion matrix, and thirty images with their answers."""
    outputs = [
        output
        for cell in cells(executed.folder / "part-two-deploy.ipynb")
        for output in cell["outputs"]
    ]
    assert sum("image/png" in each.get("data", {}) for each in outputs) == 2
