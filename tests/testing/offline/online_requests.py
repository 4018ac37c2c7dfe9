"""Ask an offline workspace for online endpoints over HTTP, as SDK v2 does, without that SDK."""

from __future__ import annotations

import hashlib
import secrets
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests
from offline_services import resolving, trusting_only

from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.testing.offline.v2.environment_definitions import definition_of
from waiting import wait_until

DEADLINE_S = 120
CONDA = f"""
dependencies:
  - python={sys.version_info[0]}.{sys.version_info[1]}
  - pip:
    - azureml-inference-server-http
"""
# Answers with what Python makes of the request, so that one deployment answers many questions.
INSPECTOR = """
import os, sys, json, time, threading

def init():
    print("the inspector is ready")

def run(raw_data):
    return eval(raw_data)
"""


@dataclass
class Online:
    """The online endpoints of a workspace."""

    offline: object
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method, path, body=None):
        """Make one call of the resource manager; `path` is below the workspace."""
        access = self.offline._shared.access
        headers = {"Authorization": f"Bearer {access.token(lifetime_s=600)}"}
        url = f"{self.offline.endpoint}{self.offline.identity.path}/{path}"
        return self.session.request(method, url, json=body, headers=headers, timeout=60)

    def endpoint(self, name=None, **properties):
        """Create or change an endpoint; return its name and document."""
        name = name or f"ep-{secrets.token_hex(3)}"
        body = {"location": "westus", "properties": {"authMode": "Key", **properties}}
        found = self.call("PUT", f"onlineEndpoints/{name}", body)
        assert found.status_code in {200, 201}, found.text
        return name, found.json()

    def asset(self, kind, name, document):
        """Write the document of an asset; return its id."""
        self.offline._shared.store.documents(kind).put(f"{name}:1", document)
        return f"{self.offline.identity.path}/{kind}/{name}/versions/1"

    def environment(self, conda=CONDA):
        """Register an environment; return its id."""
        properties = {"image": "mcr.microsoft.com/azureml/base", "condaFile": conda}
        name = f"env-{hashlib.sha256(str(conda).encode()).hexdigest()[:8]}"
        definition = definition_of(name, "1", properties)
        document = {"name": name, "version": "1", "digest": "0", "environment": definition}
        return self.asset("environments", name, document)

    def code(self, script=INSPECTOR):
        """Upload a folder with a script; return the id of the code."""
        name = secrets.token_hex(4)
        self.offline._shared.store.new_blob(f"LocalUpload/{name}/src/score.py").write_text(script)
        prefix = f"LocalUpload/{name}/src/"
        document = {"name": name, "version": "1", "prefix": prefix, "properties": {}}
        return self.asset("codes", name, document)

    def body(self, script=INSPECTOR, *, instances=1, **properties):
        """Return the body of the request for a deployment."""
        configuration = {"codeId": self.code(script), "scoringScript": "score.py"}
        return {
            "location": "westus",
            "sku": {"name": "Default", "capacity": instances},
            "properties": {
                "endpointComputeType": "Managed",
                "instanceType": "Standard_DS3_v2",
                "environmentId": self.environment(),
                "codeConfiguration": configuration,
                **properties,
            },
        }

    def put(self, endpoint, name, body):
        """Request a deployment."""
        return self.call("PUT", f"onlineEndpoints/{endpoint}/deployments/{name}", body)

    def get(self, endpoint, name):
        """Return the document of a deployment."""
        return self.call("GET", f"onlineEndpoints/{endpoint}/deployments/{name}").json()

    def deploy(self, endpoint, name, script=INSPECTOR, **properties):
        """Create a deployment, and wait until its operation ends; return what that says."""
        answer = self.put(endpoint, name, self.body(script, **properties))
        assert answer.status_code in {200, 201}, answer.text
        return self.settled(answer)

    def settled(self, answer):
        """Return what the operation of an answer says at its end."""
        access = self.offline._shared.access
        headers = {"Authorization": f"Bearer {access.token(lifetime_s=600)}"}
        url = answer.headers["Azure-AsyncOperation"]

        def ended():
            found = self.session.get(url, headers=headers, timeout=60).json()
            return found if found["status"] != "InProgress" else None

        # Starting takes a second or more, and each question takes cpu.
        return wait_until(ended, timeout_s=DEADLINE_S, pause_s=0.2)

    def logs(self, endpoint, name, **body):
        """Return the log of a deployment."""
        path = f"onlineEndpoints/{endpoint}/deployments/{name}/getLogs"
        return self.call("POST", path, {"tail": 1000, **body}).json()["content"]

    def keys(self, endpoint):
        """Return the keys of an endpoint."""
        return self.call("POST", f"onlineEndpoints/{endpoint}/listKeys").json()

    def ask(self, endpoint, text="1", *, key=None, **fields):
        """Send a scoring request with the key of the endpoint."""
        uri = self.call("GET", f"onlineEndpoints/{endpoint}").json()["properties"]["scoringUri"]
        key = key or self.keys(endpoint)["primaryKey"]
        headers = {"Authorization": f"Bearer {key}", **fields}
        return requests.post(uri, data=text, headers=headers, timeout=60)


@contextmanager
def open_online(folder, *, home, light=False, **options):
    """Yield the endpoints of a new offline workspace; deployments may have a light server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSHIP_HOME", str(home))
        with (
            OfflineWorkspace(folder, **options) as offline,
            resolving(folder.parent, home, offline, light=light),
            trusting_only(offline),
        ):
            yield Online(offline)
