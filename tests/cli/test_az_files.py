"""Files of az ml in place of a bundle: modelship deploy -f, and modelship bundle -f."""

import json

import pytest

from modelship.bundle import ScoringBundle
from modelship.sources import Model
from modelship.targets import DeployTarget
from modelship.testing import offline_bundle

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


@pytest.fixture
def saved(written):
    """Save a bundle of the script and the model, and return its folder."""
    made = ScoringBundle(
        Model.read(written / "model.txt"),
        entry_script=written / "code/score.py",
        environment=["six==1.16.0"],
    )
    return offline_bundle(made).save(written / "saved")


def test_a_deployment_file_runs_on_a_target(modelship, written, here):
    """Its script, model and variables are those of the service; a sample request is sent to it."""
    (here / "request.json").write_text('{"data": [1]}')
    text = (DEPLOYMENT + ENVIRONMENT).replace("WORKER_COUNT: 2, ", "")
    (written / "deployment.yml").write_text(text.replace(REQUESTS, ""))
    files = ("-f", written / "deployment.yml", "-f", written / "endpoint.yml")
    sample = ("--sample-input", here / "request.json")
    done = modelship("deploy", *files, *sample, "-t", "memory")
    assert done.exit_code == 0, done.output
    service = DeployTarget.open("memory").get("rows-az")
    assert "Send the sample request: done" in done.stderr
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
        (ENVIRONMENT, "environment: azureml:e@latest\n", 2, "image and conda_file"),
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


def test_files_and_a_bundle_are_not_given_both(modelship, written):
    """Nor two deployments, nor an endpoint alone."""
    deployment, endpoint = written / "deployment.yml", written / "endpoint.yml"
    both = modelship("deploy", written, "-f", deployment)
    assert "not both" in both.stderr
    sample = modelship("deploy", written, "--sample-input", deployment)
    assert "--sample-input is part of a bundle" in sample.stderr
    for given in ((deployment, deployment), (endpoint,)):
        flags = [flag for each in given for flag in ("-f", each)]
        assert "one deployment file" in modelship("deploy", *flags).stderr


def test_export_writes_what_deploy_reads(modelship, saved, here):
    """The files of az ml describe the bundle, with the options of the target and the serving."""
    options = ("--option", "instance_type=Standard_F4s_v2", "--workers", "2")
    flags = (saved, "-n", "digits", "-o", "out", *options)
    done = modelship("export", "online-endpoint", *flags, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert {"deploy.sh", "deployment.yml", "code/score.py", "model/model.txt"} <= {
        *document["files"]
    }
    written = (here / "out/deployment.yml").read_text()
    assert "instance_type: Standard_F4s_v2\n" in written
    assert "max_concurrent_requests_per_instance: 2\n" in written
    assert document["deployment"] in written


def test_export_reads_modelship_yaml(modelship, saved, here):
    """The options of the target there count, except for those that say where the workspace is."""
    options = "workspace: config.json, instance_count: 3"
    settings = f"options: {{online-endpoint: {{{options}}}}}\nserving: {{variables: {{MODE: a}}}}\n"
    (here / "modelship.yaml").write_text(settings)
    done = modelship("export", "online-endpoint", saved, "-n", "digits", "-o", "out")
    assert done.exit_code == 0, done.output
    written = (here / "out/deployment.yml").read_text()
    assert "instance_count: 3\n" in written
    assert "MODE: a\n" in written


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("-o", "out"), "Give the endpoint a name"),
        (("-o", "out", "-n", "digits", "--option", "instances=2"), "instance_count"),
        (("-o", "out", "-n", "digits", "--server", "modelship"), "which Azure ML starts"),
        (("-n", "digits", "-o", "."), "a new or an empty folder"),
    ],
)
def test_export_refuses_what_azure_ml_would(modelship, saved, here, flags, said):
    """Nothing is written."""
    done = modelship("export", "online-endpoint", saved, *flags)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert [each.name for each in here.iterdir()] == ["az"]
