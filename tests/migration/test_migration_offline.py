"""A service that SDK v1 has deployed becomes a folder that ``az ml`` and modelship can deploy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from azureml.core import Environment, Model
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import InferenceConfig
from azureml.core.webservice import AciWebservice
from click.testing import CliRunner

from modelship import ScoringBundle
from modelship.cli.app import cli
from modelship.targets.online_endpoint.az_yaml import read_deployment, read_endpoint
from modelship.testing import OfflineWorkspace, StageFault

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
CONDA = {"dependencies": [f"python={PYTHON}", {"pip": ["azureml-inference-server-http"]}]}


def deploy(workspace, name, files):
    """Deploy a source folder with SDK v1, and do not wait."""
    for path, text in files.items():
        Path("service_source").joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        Path("service_source", path).write_text(text)
    Path("one.txt").write_text("1")
    model = Model.register(workspace, "one.txt", "one")
    environment = Environment("for-tests")
    environment.python.conda_dependencies = CondaDependencies(_underlying_structure=CONDA)
    environment.environment_variables = {"GREETING": "s3cret-ahoy"}
    config = InferenceConfig(
        "score.py", environment=environment, source_directory=str(Path("service_source").resolve())
    )
    options = AciWebservice.deploy_configuration(auth_enabled=True, dns_name_label="label")
    return Model.deploy(workspace, name, [model], config, options)


@pytest.fixture(scope="module")
def place(shared_home, tmp_path_factory):
    """Return an offline workspace with a service, which need not run, in the current folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(shared_home))
        patch.chdir(tmp_path_factory.mktemp("here"))
        with OfflineWorkspace(tmp_path_factory.mktemp("workspace")) as offline:
            offline.faults.plant(StageFault("stuck"))  # so that nothing is built for it
            script = "import helper\n\ndef init(): ...\n\ndef run(raw_data):\n    return 1\n"
            deploy(offline.workspace(), "old-svc", {"score.py": script, "helper.py": ""})
            yield offline


def migrate(place, *options):
    """Run the command, and return its result."""
    where = ("--option", f"workspace={place.config_path}")
    return CliRunner().invoke(cli, ["migrate", "aci-service", "old-svc", *where, *options])


def test_the_plan_is_shown_and_nothing_is_written(place):
    """What stays, what changes, and what has no counterpart; no value of a variable."""
    before = sorted(Path.cwd().iterdir())
    done = migrate(place)
    assert done.exit_code == 0, done.output
    assert "old-svc on aci -> the endpoint old-svc" in done.stdout
    assert "- DNS name label             label" in done.stdout
    assert "s3cret" not in done.output
    assert sorted(Path.cwd().iterdir()) == before


def test_the_folder_can_be_deployed_by_either_tool(place):
    """The files of az ml name the model, the code and the packages; the bundle has them."""
    done = migrate(place, "--folder", "plan", "--endpoint", "new-svc", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["commands"][0] == "az ml online-endpoint create --file plan/endpoint.yml"
    assert Path("plan").stat().st_mode & 0o077 == 0  # variables may be secrets
    deployment = read_deployment("plan/deployment.yml")
    assert (deployment.endpoint_name, deployment.model) == ("new-svc", "azureml:one:1")
    assert deployment.code_configuration.scoring_script == "score.py"
    assert deployment.settings.environment_variables["GREETING"] == "s3cret-ahoy"
    assert read_endpoint("plan/endpoint.yml").settings.auth_mode == "key"
    bundle = ScoringBundle.load("plan/bundle")
    assert {file.path for file in bundle.source} == {"score.py", "helper.py"}
    assert [model.name for model in bundle.models] == ["one"]


def test_other_content_of_the_folder_is_kept(place):
    """Only an earlier plan is replaced."""
    assert migrate(place, "--folder", "plan").exit_code == 0
    Path("other").mkdir(exist_ok=True)
    Path("other/mine.txt").write_text("mine")
    done = migrate(place, "--folder", "other")
    assert (done.exit_code, Path("other/mine.txt").read_text()) == (2, "mine")


def test_a_service_that_is_not_there_is_told(place):
    """The error is that of the target."""
    where = ("--option", f"workspace={place.config_path}")
    done = CliRunner().invoke(cli, ["migrate", "aci-service", "nobody", *where])
    assert done.exit_code == 7
    assert "no deployment named 'nobody'" in done.stderr
