"""What the tests of deployed services share: scripts, an environment, and waiting for an end."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from contextlib import contextmanager

import psutil
import pytest
import requests

from light_inference_server import only_light_server
from modelship.testing.offline.offline_workspace import OfflineWorkspace
from waiting import wait_until

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
CONDA = {
    "dependencies": [f"python={PYTHON}", {"pip": ["azureml-inference-server-http"]}],
}
DEADLINE_S = 180

# Answers with what Python makes of the request, so that one service answers many questions.
INSPECTOR = """
import os, sys, json

def init():
    print("the inspector is ready")

def run(raw_data):
    return eval(raw_data)
"""


class Deployer:
    """Deploys scripts with the SDK in one offline workspace."""

    def __init__(self, offline, folder):
        self.offline = offline
        self.folder = folder
        self.ws = offline.workspace()
        self.documents = offline.folder / "documents"

    def name(self, stem="svc"):
        """Return a name that no other test uses."""
        return f"{stem}-{secrets.token_hex(3)}"

    def register(self, name, **files):
        """Register a model: one file of this name, or a folder of them."""
        from azureml.core import Model

        folder = self.folder / secrets.token_hex(4)
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
        path = folder if len(files) > 1 else folder / next(iter(files))
        return Model.register(self.ws, str(path.relative_to(self.folder)), name)

    def inference_config(self, script=INSPECTOR, *, conda=CONDA, variables=(), files=()):
        """Return what to run: a script, and files beside it if there are some."""
        from azureml.core import Environment
        from azureml.core.conda_dependencies import CondaDependencies
        from azureml.core.model import InferenceConfig

        environment = Environment("for-tests")
        environment.python.conda_dependencies = CondaDependencies(_underlying_structure=conda)
        environment.environment_variables = dict(variables)
        source = self.folder / f"source_{secrets.token_hex(4)}"
        for path, text in {"score.py": script, **dict(files)}.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        if files:
            options = {"source_directory": str(source), "entry_script": "score.py"}
        else:
            options = {"entry_script": str(source / "score.py")}
        return InferenceConfig(environment=environment, **options)

    def deploy(self, script=INSPECTOR, *, name=None, models=(), overwrite=False, **options):
        """Deploy, without waiting; options of the configuration and of the script alike."""
        from azureml.core import Model
        from azureml.core.webservice import AciWebservice

        keys = ("conda", "variables", "files")
        inference = {key: options.pop(key) for key in keys if key in options}
        configuration = AciWebservice.deploy_configuration(
            **{"cpu_cores": 1, "memory_gb": 1, **options}
        )
        config = self.inference_config(script, **inference)
        name = name or self.name()
        return Model.deploy(self.ws, name, list(models), config, configuration, overwrite=overwrite)

    def deploy_with(self, conda):
        """Deploy with the text of a conda file as the tutorial does it; wait until that ends."""
        from azureml.core import Environment, Model
        from azureml.core.model import InferenceConfig
        from azureml.core.webservice import AciWebservice

        file = self.folder / "myenv.yml"
        file.write_text(conda)
        (self.folder / "score.py").write_text(INSPECTOR)
        environment = Environment.from_conda_specification("myenv", str(file))
        config = InferenceConfig(entry_script="score.py", environment=environment)
        options = AciWebservice.deploy_configuration()
        service = Model.deploy(self.ws, self.name(), [], config, options)
        return service, self.settle(service)

    def operation(self, service):
        """Return what a service's last operation says."""
        return service._get_operation_state()[2]

    def settle(self, service):
        """Wait until a service's operation has ended, more eagerly than the SDK; return it."""
        found = []

        def has_ended():
            found[:] = [self.operation(service)]
            return found[0]["state"] not in {"NotStarted", "Running"}

        wait_until(has_ended, timeout_s=DEADLINE_S, pause_s=0.1, describe=lambda: found)
        service.update_deployment_state()
        return found[0]

    def up(self, *arguments, **options):
        """Deploy, and return the service once it is healthy."""
        service = self.deploy(*arguments, **options)
        operation = self.settle(service)
        assert operation["state"] == "Succeeded", (operation, service.get_logs())
        return service


@contextmanager
def deploying(folder, *, home, light=False, **options):
    """Yield a deployer in a new offline workspace; its services may have a light server."""
    here = folder / "here"
    here.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(home))
        patch.chdir(here)
        patch.setenv("AZUREML_LOG_DEPRECATION_WARNING_ENABLED", "False")
        with (
            OfflineWorkspace(folder / "offline", **options) as offline,
            resolving(folder, home, offline, light=light),
            trusting_only(offline),
        ):
            yield Deployer(offline, here)


def resolving(folder, home, offline, *, light):
    """Return the context in which a workspace resolves what its services need."""
    if light:
        (folder / "light").mkdir(exist_ok=True)
        return only_light_server(folder / "light")
    return shared_locks(home / "offline-locks", offline.folder / "environments")


@contextmanager
def trusting_only(offline):
    """Let the SDK trust only the workspace: at each connection it reads all roots that it trusts.

    Those of the machine stay in SSL_CERT_FILE, which uv reads.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", offline.environment["REQUESTS_CA_BUNDLE"])
        yield


@contextmanager
def shared_locks(shared, folder):
    """Let workspaces share what they resolved, so that each text is resolved once a session."""
    shared.mkdir(exist_ok=True)
    shutil.copytree(shared, folder, dirs_exist_ok=True)
    yield
    shutil.copytree(folder, shared, dirs_exist_ok=True)


def around_the_front(place, service):
    """Ask the server behind a service's address, with its key; return the status."""
    record = json.loads((place.documents / "services" / f"{service.name}.json").read_text())
    uri = json.loads(record["_offline"]["instance"])["scoring_uri"]
    assert uri != service.scoring_uri
    fields = {"Authorization": f"Bearer {service.get_keys()[0]}"}
    return requests.post(uri, data="1", headers=fields, timeout=30).status_code


def runs(pid):
    """Return whether a process runs; one that nobody has reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
