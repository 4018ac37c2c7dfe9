"""Deployment and endpoint files: what az ml accepts and refuses, and what modelship does."""

from dataclasses import dataclass

DEPLOYMENT = "name: blue\nendpoint_name: digits\ninstance_type: Standard_DS3_v2\n"
ENDPOINT = "name: digits\n"


@dataclass(frozen=True)
class Case:
    """The lines after those above; whether az ml accepts them on reading, and the error here.

    `said` is empty where modelship accepts it, too.
    """

    lines: str
    az_accepts: bool
    said: str = ""


def both(*lines):
    """Return cases that both accept."""
    return [Case(each, az_accepts=True) for each in lines]


def neither(cases):
    """Return cases that both refuse, by the error of modelship."""
    return [Case(lines, az_accepts=False, said=said) for lines, said in cases.items()]


def later(cases):
    """Return cases that az ml accepts on reading, though Azure refuses or changes them."""
    return [Case(lines, az_accepts=True, said=said) for lines, said in cases.items()]


DEPLOYMENTS = [
    *both(
        "",
        "instance_count: '2'\n",
        "instance_count: 2.0\n",
        "tags: {a: 1}\n",
        "app_insights_enabled: 'yes'\n",
        "type: Managed\n",
        "scale_settings: {type: Default}\n",
        "request_settings: {}\n",
        "model: azureml:m:1\n",
        "model: azureml:m@latest\n",
        "model: azureml:m\n",
        "model: {path: m.txt, type: mlflow_model, name: m, version: 1}\n",
        "model: azureml://registries/r/models/m/versions/1\n",
        "code_configuration: {code: code, scoring_script: score.py}\n",
        "environment: azureml:e:1\n",
        "environment: {image: i, conda_file: conda.yml}\n",
        "environment: {image: i, conda_file: {dependencies: [python]}}\n",
        "environment: {build: {path: code}}\n",
        "environment_variables: {A: 1, B: true, D: x}\n",
        "egress_public_network_access: Disabled\n",
        "data_collector: {collections: {a: {enabled: 'True', data: {name: x}}}, "
        "rolling_rate: Hour, sampling_rate: 0.5, request_logging: {capture_headers: [x-a]}}\n",
        "$schema: x\nprovisioning_state: Succeeded\nid: x\ncreation_context: {}\n",
        "private_network_connection: true\n",
    ),
    *neither(
        {
            "instance_count:\n": "instance_count has no value",
            "description: 5\n": "put it in quotes",
            "tags: [a]\n": "a mapping of name to text",
            "app_insights_enabled: 2\n": "true or false",
            "scale_settings: {type: default, min_instances: 1}\n": "no key 'min_instances'",
            "scale_settings: {}\n": "scale_settings.type is missing",
            "request_settings: {request_timeout: 1}\n": "did you mean 'request_timeout_ms'",
            "model: m.txt\n": "azureml:NAME:VERSION",
            "model: {path: missing.txt}\n": "no such file",
            "model: {path: m.txt, colour: red}\n": "no key 'colour' in model",
            "environment: {image: i, conda_file: missing.yml}\n": "no such file",
            "environment: {image: i, inference_config: {liveness_route: {port: 1, path: /}}}\n": (
                "readiness_route is missing"
            ),
            "environment: conda.yml\n": "azureml:NAME:VERSION",
            "egress_public_network_access: off\n": "in quotes",
            "data_collector: {collections: {a: {enabled: true}}}\n": "in quotes",
            "data_collector: {collections: {}, sampling_rate: 2}\n": "from 0 to 1",
            "data_collector: {sampling_rate: 0.5}\n": "collections is missing",
            "liveness_probe: {initialdelay: 1}\n": "did you mean 'initial_delay'",
            "instance_typ: x\n": "did you mean 'instance_type'",
            "startup_probe: {period: 5}\n": "no key 'startup_probe'",
            "a: [\n": "expected",
        }
    ),
    *later(
        {
            "instance_count: 2.5\n": "a whole number",  # az ml drops the half
            "tags: {a: null}\n": "tags.a has no value",
            "type: kubernetes\n": "only managed deployments",
            "scale_settings: {type: target_utilization}\n": "az monitor autoscale",
            "request_settings: {request_timeout_ms: 200000}\n": "from 1 to 180000",
            "model: {}\n": "model.path is missing",
            "code_configuration: {code: code}\n": "scoring_script is missing",
            "code_configuration: {code: code, scoring_script: run.py}\n": "no such file in",
            "environment: {}\n": "an image, or build",
            "environment: {image: i, build: {path: code}}\n": "an image, or build",
            "environment_variables: {A: [1]}\n": "environment_variables.A is list",
            "liveness_probe: {initial_delay: 0}\n": "at least 1",
            "model_mount_path: models\n": "an absolute path",
            "name: blue\n": "name is given twice",
            "instance_count: 51\n": "from 1 to 50",
        }
    ),
]

ENDPOINTS = [
    *both(
        "",
        "auth_mode: AMLToken\n",
        "auth_mode: aad_token\n",
        "traffic: {blue: '90', green: 10}\n",
        "mirror_traffic: {green: 10}\n",
        "identity: {type: system_assigned}\n",
        "identity: {type: UserAssigned, user_assigned_identities: [{resource_id: x}]}\n",
        "public_network_access: Enabled\n",
        "location: x\nscoring_uri: x\n",
    ),
    *neither(
        {
            "auth_mode: none\n": "'key' or 'aml_token'",
            "traffic: {blue: 101}\n": "from 0 to 100",
            "traffic: {blue: 50, green: 51}\n": "a sum of 0 or 100",
            "identity: {type: user_assigned, user_assigned_identities: [x]}\n": "resource_id",
            "identity: {}\n": "identity.type is missing",
            "trafic: {blue: 100}\n": "did you mean 'traffic'",
        }
    ),
    *later(
        {
            "traffic: {blue: 90}\n": "a sum of 0 or 100",
            "mirror_traffic: {blue: 60}\n": "from 0 to 50",
            "mirror_traffic: {a-1: 1, b-1: 2}\n": "one deployment",
            "identity: {type: user_assigned}\n": "1 of them",
            "compute: azureml:k8s\n": "only managed endpoints",
        }
    ),
]


def folder_of(path):
    """Write the files that the cases name into a folder, and return it."""
    (path / "code").mkdir()
    (path / "code/score.py").write_text("def init(): ...\ndef run(raw_data): ...\n")
    (path / "m.txt").write_text("model")
    (path / "conda.yml").write_text("name: x\ndependencies: [python=3.11]\n")
    return path
