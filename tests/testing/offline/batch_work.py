"""A batch endpoint of an offline workspace, asked over HTTP as SDK v2 does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from online_requests import DEADLINE_S, Online

from waiting import wait_until

ECHO = """
import os, pathlib
def run(mini_batch):
    return [f"{pathlib.Path(each).name} of {len(mini_batch)}" for each in mini_batch]
"""
ENDED = {"Completed", "Failed", "Canceled"}


@dataclass
class BatchWork:
    """A batch endpoint, and the jobs that tests start on it."""

    online: Online
    endpoint: str = "batch"

    def call(self, method, path, body=None):
        """Make one call of the resource manager."""
        return self.online.call(method, path, body)

    def create(self):
        """Create a cluster and the endpoint."""
        cluster = {
            "computeType": "AmlCompute",
            "properties": {"scaleSettings": {"maxNodeCount": 4}},
        }
        self.call("PUT", "computes/cpu", {"properties": cluster})
        body = {"properties": {"authMode": "AADToken"}}
        assert self.call("PUT", f"batchEndpoints/{self.endpoint}", body).status_code == 201

    def body(self, script=ECHO, *, environment="", **properties):
        """Return the body of the request for a deployment."""
        base = {"image": "mcr.example.com/base"}
        document = {"python": {"userManagedDependencies": True}, "docker": base}
        named = {"name": "image", "version": "1", "digest": "0", "environment": document}
        return {
            "properties": {
                "compute": "computes/cpu",
                "environmentId": environment or self.online.asset("environments", "image", named),
                "codeConfiguration": {
                    "codeId": self.online.code(script),
                    "scoringScript": "score.py",
                },
                "miniBatchSize": 2,
                "retrySettings": {"maxRetries": 0, "timeout": "PT30S"},
                **properties,
            }
        }

    def deploy(self, script=ECHO, **properties):
        """Create a deployment with a new name; return that."""
        name = f"d-{secrets.token_hex(4)}"
        path = f"batchEndpoints/{self.endpoint}/deployments/{name}"
        answer = self.call("PUT", path, self.body(script, **properties))
        assert answer.status_code == 201, answer.text
        return name

    def upload(self, **files):
        """Write files into the default datastore; return the URI of their folder."""
        name = secrets.token_hex(4)
        store = self.online.offline._shared.store
        container = f"azureml-blobstore-{self.online.offline.identity.workspace_id}"
        for file, text in files.items():
            place = store.blob(f"{name}/{file}", container=container)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return f"azureml://datastores/workspaceblobstore/paths/{name}"

    def post(self, deployment, uri, kind="UriFolder", **properties):
        """Ask for a job."""
        access = self.online.offline._shared.access
        headers = {"Authorization": f"Bearer {access.token(lifetime_s=600)}"}
        headers |= {"azureml-model-deployment": deployment} if deployment else {}
        found = self.call("GET", f"batchEndpoints/{self.endpoint}").json()
        given = {"inputData": {kind: {"jobInputType": kind, "uri": uri}}, **properties}
        place, body = found["properties"]["scoringUri"], {"properties": given}
        return self.online.session.post(place, json=body, headers=headers, timeout=60)

    def start(self, *arguments, **options):
        """Start a job; return its name."""
        answer = self.post(*arguments, **options)
        assert answer.status_code == 201, answer.text
        return answer.json()["name"]

    def run(self, name):
        """Return the run of a job, and its child."""
        records = self.online.offline._shared.store.documents("runs")
        children = [each for each in records.all() if each["parentRunId"] == name]
        return records.get(name), children[0]

    def wait(self, name):
        """Wait until a job has ended; return its run and its child."""
        wait_until(lambda: self.run(name)[0]["status"] in ENDED, timeout_s=DEADLINE_S)
        return self.run(name)

    def output(self, run):
        """Return the output of a job, by the names of its files."""
        root = self.online.offline.folder / "containers"
        folder = next(root.glob("azureml-blobstore-*")) / "azureml" / run["runId"] / "score"
        return {each.name: each.read_text() for each in folder.rglob("*") if each.is_file()}
