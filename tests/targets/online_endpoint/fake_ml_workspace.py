"""A workspace in memory with the interface of MlWorkspace; its deployments run in this process."""

import shutil
import threading
import traceback
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from modelship.errors import WorkspaceRequestError
from modelship.server.entry_script import script_at
from modelship.server.http_contract import JSON, HttpAnswer, encode
from modelship.testing.loopback import ScoringServer
from modelship.testing.thread_output import Log, captured
from modelship.workspace import RegisteredModel, WorkspaceLocation

_LOADING = threading.Lock()
_REASON = b"ms-azureml-model-error-statuscode: 500\r\nms-azureml-model-error-reason: failed\r\n"


class FakeMlWorkspace:
    """Keeps documents as Azure Resource Manager does; an operation ends at the next look.

    ``failure`` is why the next deployment fails; ``is_late`` is whether each answer takes longer
    than the front waits; ``sent`` counts the calls that change something.
    """

    def __init__(self, folder):
        self.folder = folder
        self.location = WorkspaceLocation("sub", "group", "fake")
        self.name, self.id = "fake", "/subscriptions/sub/workspaces/fake"
        self.failure = ""
        self.is_late = False
        self.sizes = ("Standard_DS3_v2",)
        self.sent = Counter()
        self._models, self._environments, self._codes = {}, {}, {}
        self._endpoints, self._deployments, self._fronts = {}, {}, {}
        self.running = {}

    def within(self, _deadline):
        return self

    def limit_s(self, timeout_s):
        return timeout_s

    def machine_sizes(self):
        if not self.sizes:
            raise WorkspaceRequestError("fake", "list the sizes", "no right to", status=403)
        return "eastus", self.sizes

    # --- models, environments and code ---------------------------------------------------

    def model(self, name, version=None):
        return next(each for each in self.models(name) if version in {None, each.version})

    def models(self, name=None, *, properties=None):
        wanted = (properties or {}).items()
        found = [each for each in self._models.values() if name in {None, each.name}]
        found = [each for each in found if wanted <= each.properties.items()]
        return sorted(found, key=lambda each: -each.version)

    def register(self, path, *, name, tags, properties, description="", **_):
        self.sent["register"] += 1
        version = 1 + max((each.version for each in self.models(name)), default=0)
        uri = f"{self.location.uri}/models/{name}/versions/{version}"
        model_id = f"{name}:{version}"
        made = RegisteredModel(model_id, name, version, uri, tags, properties, description)
        place = self.folder / "models" / name / str(version) / path.name
        place.parent.mkdir(parents=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, place)
        self._models[model_id] = made
        return made

    def tag(self, model_id, tags, *, remove=()):
        found = self._models[model_id]
        kept = {name: value for name, value in found.tags.items() if name not in remove}
        self._models[model_id] = replace(found, tags={**kept, **tags})

    def download(self, model_id, folder, **_):
        [path] = self._files_of(model_id).iterdir()
        folder.mkdir(exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)

    def delete(self, model_id):
        del self._models[model_id]

    def model_arm_id(self, model_id):
        name, _, version = model_id.rpartition(":")
        return f"{self.id}/models/{name}/versions/{version}"

    def environment(self, name, version):
        return self._environments.get((name, version))

    def put_environment(self, name, version, **content):
        self.sent["environment"] += 1
        arm_id = f"{self.id}/environments/{name}/versions/{version}"
        self._environments[name, version] = {"id": arm_id, **content}

    def code(self, digest):
        return self._codes.get(digest)

    def put_code(self, folder, digest):
        self.sent["code"] += 1
        shutil.copytree(folder, self.folder / "code" / digest)
        return self._codes.setdefault(digest, f"{self.id}/codes/{digest}/versions/1")

    # --- endpoints -----------------------------------------------------------------------

    def endpoint(self, name):
        return self._endpoints.get(name)

    def endpoints(self):
        return list(self._endpoints.values())

    def put_endpoint(self, name, document):
        self.sent["endpoint"] += 1
        if name not in self._fronts:
            self._fronts[name] = front = ScoringServer(lambda asked: self._answer(name, asked))
            threading.Thread(target=front.serve_forever, args=(0.02,), daemon=True).start()
        uri = self._fronts[name].scoring_uri
        said = {**document["properties"], "scoringUri": uri, "provisioningState": "Succeeded"}
        self._endpoints[name] = {**document, "id": name, "name": name, "properties": said}
        return ""

    def delete_endpoint(self, name):
        for each in self.deployments(name):
            del self._deployments[name, each["name"]]
        del self._endpoints[name]
        front = self._fronts.pop(name)
        front.shutdown()
        front.server_close()

    def keys(self, name):
        return SimpleNamespace(primary=f"key-of-{name}", secondary=f"other-key-of-{name}")

    def close(self):
        for name in list(self._endpoints):
            self.delete_endpoint(name)

    # --- deployments ---------------------------------------------------------------------

    def deployment(self, endpoint, name):
        return self._deployments.get((endpoint, name))

    def deployments(self, endpoint):
        return [each for (of, _), each in self._deployments.items() if of == endpoint]

    def put_deployment(self, endpoint, name, document):
        self.sent["deployment"] += 1
        state = {"provisioningState": "Creating"}
        made = {**document, "name": name, "properties": {**document["properties"], **state}}
        self._deployments[endpoint, name] = made
        self.running[endpoint, name] = running = FakeContainer()
        arguments = (self._running_files(made), made, self.failure)
        threading.Thread(target=running.run, args=arguments, daemon=True).start()
        return f"operation of {name}"

    def delete_deployment(self, endpoint, name):
        if name in self._endpoints[endpoint]["properties"]["traffic"]:
            cause = "the deployment has traffic"
            if len(self.deployments(endpoint)) > 1:
                raise WorkspaceRequestError(self.name, "delete a deployment", cause, status=400)
        del self._deployments[endpoint, name]

    def operation_failure(self, url):
        return self.failure

    def logs(self, endpoint, deployment, *, tail, container="server"):
        text = self.running[endpoint, deployment].log.text if container == "server" else ""
        return "".join(text.splitlines(keepends=True)[-tail:])

    def _files_of(self, model_id):
        name, _, version = model_id.rpartition(":")
        return self.folder / "models" / name / version

    def _running_files(self, document):
        said = document["properties"]
        code = self.folder / "code" / said["codeConfiguration"]["codeId"].split("/")[-3]
        *_, name, _, version = said["model"].split("/")
        return code / said["codeConfiguration"]["scoringScript"], self._files_of(
            f"{name}:{version}"
        )

    def _answer(self, name, request):
        if request.fields.get(b"authorization") != f"Bearer {self.keys(name).primary}".encode():
            return HttpAnswer(401, b"key_auth_access_denied", JSON)
        traffic = self._endpoints[name]["properties"]["traffic"]
        chosen = request.fields.get(b"azureml-model-deployment", b"").decode()
        chosen = chosen or max(traffic, key=traffic.get, default="")
        if (name, chosen) not in self._deployments:
            return HttpAnswer(404, b"No valid deployments to route to", JSON)
        if self.is_late:
            return HttpAnswer(408, b"upstream request timeout", JSON)
        return self.running[name, chosen].answer(request.body)


class FakeContainer:
    """One scoring script in this process."""

    def __init__(self):
        self.log = Log()

    def run(self, files, document, failure):
        script, model = files
        variables = {**document["properties"]["environmentVariables"]}
        variables["AZUREML_MODEL_DIR"] = str(model)
        state = "Succeeded"
        # Nothing else changes: the test reads and sets variables in the meantime.
        with _LOADING, captured(self.log), pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            try:
                self.script = script_at(str(script))
                self.script.init()
            except BaseException:  # noqa: BLE001 - what a script raises is its own
                self.log.write(traceback.format_exc())
                state = "Failed"
        document["properties"]["provisioningState"] = "Failed" if failure else state

    def answer(self, body):
        try:
            with captured(self.log):
                return HttpAnswer(200, encode(self.script.run(body.decode()), strict=True), JSON)
        except Exception:  # noqa: BLE001 - what a script raises is its own
            self.log.write(traceback.format_exc())
            return HttpAnswer(424, b"failed", JSON + _REASON)
