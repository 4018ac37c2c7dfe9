"""The files that modelship exports are deployed by their script, with azure-ai-ml alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from az_over_sdk import az_program
from online_requests import open_online

from modelship.bundle import Environment, ScoringBundle
from modelship.sources import Model
from modelship.targets import Serving
from modelship.targets.online_endpoint.az_yaml.az_exporting import export_endpoint

pytest.importorskip("azure.ai.ml")
pytestmark = [
    pytest.mark.long,  # test_az_exporting.py runs the script with a stand-in in the gate
    pytest.mark.timeout(600),
]

SCRIPT = """
import os

def init():
    global content
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.txt")) as file:
        content = file.read()

def run(raw_data):
    return [os.environ["COLOR"], content]
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return two exports of one bundle, with different variables."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "score.py").write_text(SCRIPT)
    (folder / "weights.txt").write_text("7")
    python = "{}.{}".format(*sys.version_info)
    bundle = ScoringBundle(
        Model.read(folder / "weights.txt"),
        entry_script=folder / "score.py",
        environment=Environment(python, ()),
        sample_input=[1],
    )
    return [
        export_endpoint(
            bundle, folder / color, name="digits", serving=Serving(variables={"COLOR": color})
        )
        for color in ("blue", "green")
    ]


def test_the_script_rolls_out_with_the_sdk(exported, tmp_path, shared_home):
    """The second export takes over from the first; the model and the environment are shared."""
    blue, green = exported
    with (
        open_online(tmp_path / "offline", home=shared_home) as online,
        az_program(online.offline.ml_client(), tmp_path) as az,
    ):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        variables = {"CANARY_PERCENT": "10", "CANARY_SECONDS": "0", **os.environ, "PATH": path}
        for each in (blue, green, green):
            command = ["bash", each.folder / "deploy.sh"]
            done = subprocess.run(command, env=variables, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            color = "blue" if each is blue else "green"
            assert color in done.stdout
        found = [each.name for each in az.client.online_deployments.list("digits")]
        assert found == [green.deployment]
        assert az.client.online_endpoints.get("digits").traffic == {green.deployment: 100}
    counted = {verb: az.done.count(f"{verb} create") for verb in ("model", "environment")}
    assert counted == {"model": 1, "environment": 1}
    assert az.done.count("online-deployment create") == 2
