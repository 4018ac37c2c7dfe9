"""One bundle object on ``process``, ``docker`` and ``aci`` gives equal answers to requests."""

import json
import os
import random
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from modelship import DeployTarget, ModelSource, ScoringBundle
from modelship.testing import OfflineWorkspace

EXAMPLE = Path(__file__).parents[3] / "examples" / "mnist"
# As the example's script, without scikit-learn: each service starts in half the time.
LIGHT = """
import json
import numpy as np

def init():
    global weights
    weights = np.random.default_rng(0).normal(size=(784, 10))

def run(raw_data):
    rows = np.array(json.loads(raw_data)["data"])
    return (rows @ weights).argmax(axis=1).tolist()
"""
HEADERS = (
    "content-type",
    "x-ms-run-function-failed",
    "x-ms-server-version",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "x-request-id",
    "traceid",
    "vary",
)
ODD = [
    ("GET", "/", {}, b""),
    ("HEAD", "/", {}, b""),
    ("OPTIONS", "/", {}, b""),
    ("POST", "/", {}, b""),
    ("GET", "/swagger.json", {}, b""),
    ("GET", "/swagger.json?version=3.1", {}, b""),
    ("GET", "/swagger.json?version=9", {}, b""),
    ("GET", "/nowhere", {}, b""),
    ("GET", "/score/", {}, b""),
    ("GET", "/score", {}, b""),
    ("GET", "/score?data=[1,2]", {}, b""),
    ("HEAD", "/score", {}, b""),
    ("OPTIONS", "/score", {}, b""),
    ("PUT", "/score", {}, b'{"data": [1]}'),
    ("DELETE", "/score", {}, b""),
    ("POST", "/score", {}, b""),
    ("POST", "/score", {}, b"{"),
    ("POST", "/score", {}, b"\xff\xfe"),
    ("POST", "/score", {}, b"\xef\xbb\xbf{}"),
    ("POST", "/score", {}, b"[1, 2]"),
    ("POST", "/score", {}, b'{"data": NaN}'),
    ("POST", "/score", {}, b'{"data": [NaN, Infinity, 1e400]}'),
    ("POST", "/score", {}, b'{"rows": [1]}'),
    ("POST", "/score", {}, b'{"data": []}'),
    ("POST", "/score", {}, b'{"data": ' + b"[" * 5000),
    ("POST", "/score", {}, json.dumps({"data": [1.5] * 100_000}).encode()),
    ("POST", "/score", {"content-type": "application/x-www-form-urlencoded"}, b'{"data": [1]}'),
    ("POST", "/score", {"content-encoding": "gzip"}, b'{"data": [1]}'),
    ("POST", "/score", {"x-request-id": "r" * 101}, b'{"data": [1]}'),
    ("POST", "/score", {"x-ms-request-id": "m" * 101}, b'{"data": [1]}'),
    ("POST", "/score", {"x-ms-client-request-id": "mine", "traceid": "t"}, b'{"data": [1]}'),
    ("POST", "/score", {"origin": "https://example.com"}, b'{"data": [1]}'),
]


def asked(X, count):
    """Return the odd requests above, some images, and random rows to make so many."""
    images = [
        ("POST", "/score", {}, json.dumps({"data": X[i : i + 30].tolist()}).encode())
        for i in range(0, 1500, 150)
    ]
    chance = random.Random(0)
    values = [0, -1, 2.5, 1e300, "7", "sepal", None, True, [1], {"a": 1}, "é", "\u0000"]
    drawn = [
        [chance.choice(values) for _ in range(chance.randrange(5))]
        for _ in range(count - 10 - len(ODD))
    ]
    scored = [("POST", "/score", {}, json.dumps({"data": rows}).encode()) for rows in drawn]
    return ODD + images + scored


def answer(deployment, request):
    """Return status, body and the contract's headers of one answer; ids that are random are cut."""
    method, path, headers, body = request
    parts = urlsplit(deployment.scoring_uri)
    sent = {"content-type": "application/json", "x-request-id": "fixed", **headers}
    with requests.Session() as session:
        session.trust_env = False
        given = session.request(
            method, f"{parts.scheme}://{parts.netloc}{path}", headers=sent, data=body, timeout=60
        )
    took = "x-ms-run-fn-exec-ms" in given.headers
    allow = sorted(given.headers.get("allow", "").split(", "))  # flask keeps them in no order
    headers = {key: given.headers.get(key) for key in HEADERS}
    return given.status_code, given.content, took, allow, headers


@pytest.mark.parametrize(
    ("others", "count", "script"),
    [
        # In the gate, test_servers.py compares processes and containers, and test_front.py sees
        # that the bytes of requests and answers pass a workspace's address as they are.
        pytest.param(["aci"], 70, LIGHT, id="aci", marks=pytest.mark.long),
        pytest.param(
            *(["docker", "aci"], 200, (EXAMPLE / "score.py").read_text()),
            id="docker-aci",
            marks=[pytest.mark.docker, pytest.mark.long],
        ),
    ],
)
def test_the_same_requests_get_equal_answers(
    others, count, script, request, shared_home, mnist_dir, mnist_test_set, tmp_path, monkeypatch
):
    """Status, body and headers are the same in a process, in a container and on Azure ML."""
    monkeypatch.setenv("MODELSHIP_HOME", str(shared_home))
    X = mnist_test_set[0]
    conda = (EXAMPLE / "myenv.yml").read_text()
    (tmp_path / "score.py").write_text(script)
    (tmp_path / "myenv.yml").write_text(conda.replace("ies:", "ies:\n  - python=3.11", 1))
    bundle = ScoringBundle(
        ModelSource.open(mnist_dir / "sklearn_mnist_model.pkl").fetch(tmp_path),
        entry_script=tmp_path / "score.py",
        environment=tmp_path / "myenv.yml",
        sample_input={"data": X[:2].tolist()},
    )
    with OfflineWorkspace() as offline, ExitStack() as stack:
        options = {"process": {}, "aci": {"workspace": offline.config_path}}
        if "docker" in others:
            options["docker"] = {"base_image": request.getfixturevalue("docker_base_image")}
        deployments = {
            name: stack.enter_context(
                DeployTarget.open(name, **each).deploy(
                    bundle, name=f"equal-{os.getpid()}", check="static", show_output=False
                )
            )
            for name, each in options.items()
        }
        for each in asked(X, count):
            expected = answer(deployments["process"], each)
            for name in others:
                assert answer(deployments[name], each) == expected, (name, each[:3])
