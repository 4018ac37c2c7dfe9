"""Files of az ml in place of a bundle: modelship deploy -f, and modelship bundle -f."""

import json

import pytest

from modelship.targets import DeployTarget

SCRIPT = """
import json, os

def init():
    global rows
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.txt")) as file:
        rows = file.read()

def run(raw_data):
    return [rows]
"""
ENVIRONMENT = """\
environment:
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
  conda_file: {dependencies: ["python=3.11", {pip: [azureml-inference-server-http]}]}
"""
DEPLOYMENT = """\
name: blue
endpoint_name: rows-az
instance_type: Standard_DS3_v2
model: {path: model.txt, name: rows}
code_configuration: {code: code, scoring_script: score.py}
environment_variables: {WORKER_COUNT: 2, MODE: a}
request_settings: {request_timeout_ms: 3000}
"""
REQUESTS = "request_settings: {request_timeout_ms: 3000}\n"


@pytest.fixture
def written(here):
    """Write the files of a deployment, and return its folder, which is not the current one."""
    folder = here / "az"
    (folder / "code").mkdir(parents=True)
    (folder / "code/score.py").write_text(SCRIPT)
    (folder / "model.txt").write_text("digits")
    (folder / "endpoint.yml").write_text("name: rows-az\nauth_mode: key\n")
    (folder / "deployment.yml").write_text(DEPLOYMENT + ENVIRONMENT)
    return folder


def test_a_deployment_file_runs_on_a_target(modelship, written):
    """Its script, model and variables are those of the service."""
    text = (DEPLOYMENT + ENVIRONMENT).replace("WORKER_COUNT: 2, ", "")
    (written / "deployment.yml").write_text(text.replace(REQUESTS, ""))
    files = ("-f", written / "deployment.yml", "-f", written / "endpoint.yml")
    done = modelship("deploy", *files, "-t", "memory", "--quiet")
    assert done.exit_code == 0, done.output
    service = DeployTarget.open("memory").get("rows-az")
    assert service.run({"data": []}) == ["digits"]
    assert service.release.options["variables.MODE"] == "a"


def test_a_deployment_file_becomes_a_bundle(modelship, written, here):
    """It has the resources of an instance, and what a flag says counts more."""
    (here / "request.json").write_text('{"data": []}')
    flags = ("--sample-input", "request.json", "--memory-gb", "0.5", "-o", "made", "--json")
    done = modelship("bundle", "-f", written / "deployment.yml", *flags)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["memory_gb"], document["has_sample_input"]) == (0.5, True)
    assert document["model"]["name"] == "rows"


def test_a_file_that_would_fail_on_azure_is_warned_about(modelship, written):
    """The inference server is added to the packages here, and by az ml it is not."""
    environment = ENVIRONMENT.replace("azureml-inference-server-http", "six")
    (written / "deployment.yml").write_text(DEPLOYMENT + environment)
    done = modelship("bundle", "-f", written / "deployment.yml", "-o", "made")
    assert done.exit_code == 0, done.output
    assert "conda_file has no azureml-inference-server-http" in done.stderr


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        ("instance_type:", "instance_typ:", 2, "line 3: there is no key 'instance_typ'"),
        ("endpoint_name: rows-az", "endpoint_name: other", 2, "of the endpoint 'other'"),
        (ENVIRONMENT, "environment: azureml:e:1\n", 2, "a mapping with image and conda_file"),
        (ENVIRONMENT, "", 2, "environment is 'missing'"),
        ("code_configuration: {code: code, scoring_script: score.py}\n", "", 2, "mlflow_model"),
        ("WORKER_COUNT: 2", "WORKER_COUNT: many", 2, "a whole number"),
    ],
)
def test_a_file_that_cannot_be_run_is_refused(modelship, written, before, after, code, said):
    """The message says what is missing, and nothing is deployed."""
    (written / "deployment.yml").write_text((DEPLOYMENT + ENVIRONMENT).replace(before, after))
    files = ("-f", written / "deployment.yml", "-f", written / "endpoint.yml")
    done = modelship("deploy", *files, "-t", "memory")
    assert done.exit_code == code, done.output
    assert said in done.stderr
    assert DeployTarget.open("memory").list() == ()


def test_files_and_a_bundle_are_not_given_both(modelship, written, files):
    """Nor two deployments, nor an endpoint alone."""
    deployment, endpoint = written / "deployment.yml", written / "endpoint.yml"
    both = modelship("deploy", files / "bundle", "-f", deployment)
    assert "not both" in both.stderr
    for given in ((deployment, deployment), (endpoint,)):
        flags = [flag for each in given for flag in ("-f", each)]
        assert "one deployment file" in modelship("deploy", *flags).stderr
