"""The SDK's own local deployments, with models and environments of an offline workspace."""

from __future__ import annotations

import json
import secrets
import subprocess
from pathlib import Path

import pytest
from guarded_person import Person

from modelship.testing.offline.offline_workspace import OfflineWorkspace

SCRIPT = Path(__file__).with_name("local_script.py")
SERVER = """
import json, os, pathlib
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        (file,) = pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("weights.txt")
        answer = json.dumps({"weights": file.read_text()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

print("the server is ready", flush=True)
HTTPServer(("0.0.0.0", 5001), Handler).serve_forever()
"""


@pytest.fixture
def own_image(docker_base_image, tmp_path):
    """Return the name of an image with a server of its own."""
    folder, name = tmp_path / "image", f"modelship-test-own:{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "server.py").write_text(SERVER)
    (folder / "Dockerfile").write_text(
        f'FROM {docker_base_image}\nCOPY server.py /\nEXPOSE 5001\nCMD ["python3", "/server.py"]\n'
    )
    options = {"check": True, "capture_output": True, "timeout": 120}
    subprocess.run(["docker", "build", "--quiet", "--tag", name, str(folder)], **options)
    yield name
    subprocess.run(["docker", "rmi", "--force", name], **options)


@pytest.mark.docker
@pytest.mark.long  # in the gate: test_rollout_script.py, without local=True
@pytest.mark.timeout(600)
def test_a_local_deployment_has_the_registered_model(own_image, client_python, tmp_path):
    """In a container of the local engine, which the SDK starts and removes."""
    python = client_python("3.12", "azure-ai-ml", "azure-identity", "docker")
    with OfflineWorkspace(tmp_path / "offline") as offline:
        person = Person(tmp_path, offline)
        name = f"local-{secrets.token_hex(3)}"
        done = person.runs(SCRIPT.read_text(), python=python, arguments=[own_image, name])
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads((person.here / "findings.json").read_text())
        assert (found["state"], found["answer"]) == ("Succeeded", {"weights": "7"})
        assert "the server is ready" in found["log"]
        assert (offline.refused, person.escapes) == ([], [])
