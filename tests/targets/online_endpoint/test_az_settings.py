"""Files of az ml as settings of modelship, for a target here and for online endpoints."""

from pathlib import Path

import az_yaml_files
import pytest

from modelship.cli.kinds import KINDS, problem_of
from modelship.errors import DeploymentFileError, InvalidOptionError
from modelship.targets.online_endpoint.az_yaml import az_settings
from modelship.targets.online_endpoint.az_yaml.az_settings import read_files
from modelship.targets.online_endpoint.target_options import TargetOptions

MORE = """\
description: digits
tags: {team: a}
model: azureml:digits@latest
code_configuration: {code: code, scoring_script: score.py}
environment: {image: img, conda_file: conda.yml}
environment_variables: {WORKER_COUNT: 2, MODE: a, SCORING_TIMEOUT_MS: 9000}
request_settings: {request_timeout_ms: 9000}
data_collector: {collections: {inputs: {enabled: 'true'}}, sampling_rate: 0.5}
"""
ENDPOINT = "name: digits\nauth_mode: aml_token\ntraffic: {blue: 100}\ntags: {team: b}\n"


def settings_of(files, *, target, scratch, workspace=None):
    """Return the settings of files; a workspace is opened only if it is given."""

    def open_workspace():
        assert workspace is not None
        return workspace

    return az_settings.settings_of(
        files, target=target, scratch=scratch, open_workspace=open_workspace
    )


@pytest.fixture
def files(tmp_path):
    """Return the files of a deployment and of its endpoint, as read."""
    folder = az_yaml_files.folder_of(tmp_path)
    (folder / "deployment.yml").write_text(az_yaml_files.DEPLOYMENT + MORE)
    (folder / "endpoint.yml").write_text(ENDPOINT)
    return read_files([folder / "deployment.yml", folder / "endpoint.yml"])


def test_a_target_here_gets_the_time_limit_as_that_of_its_server(files, tmp_path):
    """Each setting is a valid one of modelship.yaml."""
    found = settings_of(files, target="process", scratch=tmp_path)
    assert found["serving"] == {
        "workers": 2,
        "server_options": {"scoring_timeout_ms": 9000},
        "variables": {"MODE": "a"},
    }
    assert (found["name"], found["model"]) == ("digits", "azureml:digits:latest")
    assert found["cpu_cores"] <= 4
    assert found["memory_gb"] <= 14
    assert "options" not in found
    assert [problem_of(key, value, KINDS[key]) for key, value in found.items()] == [""] * len(found)


def test_an_online_endpoint_gets_the_settings_as_options(files, tmp_path):
    """They are valid there, and have the values of the files."""
    found = settings_of(files, target="online-endpoint", scratch=tmp_path)
    assert found["serving"] == {"workers": 2, "variables": {"MODE": "a"}}
    options = TargetOptions(**found["options"]["online-endpoint"])
    assert options.deployment.request_settings.request_timeout_ms == 9000
    assert options.deployment.data_collector == files.deployment.settings.data_collector
    assert options.endpoint.auth_mode == "aml_token"
    assert (options.base_image, options.endpoint_tags) == ("img", {"team": "b"})


def test_without_a_time_limit_the_one_of_azure_applies(tmp_path):
    """It is five seconds, which the limits of modelship know."""
    folder = az_yaml_files.folder_of(tmp_path)
    lines = MORE.replace("request_settings: {request_timeout_ms: 9000}\n", "")
    (folder / "deployment.yml").write_text(az_yaml_files.DEPLOYMENT + lines)
    found = settings_of(read_files([folder / "deployment.yml"]), target="docker", scratch=tmp_path)
    assert found["serving"]["limits"] == "online-endpoint"


def test_a_model_of_mlflow_needs_neither_a_script_nor_an_environment(tmp_path):
    """Both are made from the model, as Azure ML does."""
    folder = az_yaml_files.folder_of(tmp_path)
    lines = "model: {path: m.txt, type: mlflow_model}\n"
    (folder / "deployment.yml").write_text(az_yaml_files.DEPLOYMENT + lines)
    found = settings_of(read_files([folder / "deployment.yml"]), target="docker", scratch=tmp_path)
    assert not {"entry_script", "environment"} & {*found}


def test_settings_of_the_server_are_read_as_such(tmp_path):
    """A value that the server does not understand is refused with what it expects."""
    folder = az_yaml_files.folder_of(tmp_path)
    path = folder / "deployment.yml"
    lines = MORE.replace("MODE: a", "WORKER_TIMEOUT: 60")
    path.write_text(az_yaml_files.DEPLOYMENT + lines)
    found = settings_of(read_files([path]), target="docker", scratch=tmp_path)["serving"]
    assert found["server_options"] == {"scoring_timeout_ms": 9000, "worker_timeout_s": 60}
    path.write_text(path.read_text().replace("WORKER_TIMEOUT: 60", "WORKER_TIMEOUT: soon"))
    with pytest.raises(InvalidOptionError, match=r"WORKER_TIMEOUT is 'soon'"):
        settings_of(read_files([path]), target="docker", scratch=tmp_path)


CONDA = "dependencies: [python=3.11, pip: [six]]"


class Environments:
    """The environments of a workspace, as Azure's documents."""

    def environment(self, name, version):
        known = {"e:1": {"image": "i", "condaFile": CONDA}, "bare:1": {"image": "i"}}
        found = known.get(f"{name}:{version}")
        return found and {"id": f"/environments/{name}", "properties": found}


def test_a_registered_environment_is_read_from_the_workspace(tmp_path):
    """It needs a version, and a conda file; an image alone does not say its packages."""
    workspace = Environments()
    path = az_yaml_files.folder_of(tmp_path) / "deployment.yml"

    def settings(reference):
        code = "code_configuration: {code: code, scoring_script: score.py}\n"
        path.write_text(f"{az_yaml_files.DEPLOYMENT}{code}environment: {reference}\n")
        files = read_files([path])
        return settings_of(files, target="docker", scratch=tmp_path, workspace=workspace)

    assert Path(settings("azureml:e:1")["environment"]).read_text() == CONDA
    for reference, said in (
        ("azureml:e:2", "registered in the workspace"),
        ("azureml:e@latest", "azureml:NAME:VERSION"),
        ("azureml:bare:1", "one with a conda file"),
    ):
        with pytest.raises(DeploymentFileError, match=said) as caught:
            settings(reference)
        lines = path.read_text().splitlines()
        assert lines[caught.value.line - 1] == f"environment: {reference}"


@pytest.mark.parametrize(
    "line", ["properties: {a: b}", "model_mount_path: /models", "private_network_connection: true"]
)
def test_what_the_target_does_not_set_is_refused(tmp_path, line):
    """It is not dropped silently; here it has no meaning."""
    path = az_yaml_files.folder_of(tmp_path) / "deployment.yml"
    path.write_text(f"{az_yaml_files.DEPLOYMENT}{MORE}{line}\n")
    files = read_files([path])
    settings_of(files, target="docker", scratch=tmp_path)
    with pytest.raises(InvalidOptionError, match="does not set it"):
        settings_of(files, target="online-endpoint", scratch=tmp_path)
