"""No key, token or signature in a log, a file or a tag, however much each library writes."""

from __future__ import annotations

import logging
import re

import pytest
from online_requests import open_online

from modelship import DeployTarget
from modelship.bundle import Environment
from modelship.testing import cases, script_bundle, with_lock
from modelship.workspace.ml_workspace import open_ml

SECRET = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+"  # a JSON Web Token
    r"|[?&]sig=(?!REDACTED|\*)[^&\s]{8}"  # a shared access signature
    r"|Bearer [\w.-]{8,}",
)


class Everything(logging.Handler):
    """Keeps all records of all loggers, also of those that do not propagate."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.texts = []

    def emit(self, record):
        self.texts.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}")


@pytest.fixture
def everything(monkeypatch):
    """Return a handler of the root logger, with each library at the level DEBUG."""
    handler, root = Everything(), logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    for name in ("azure", "azure.ai.ml", "msal", "requests", "urllib3", "modelship"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def files_of(home):
    """Return the texts of the files of a home that a deployment writes."""
    found = (each for each in home.rglob("*") if "site-packages" not in each.parts)
    return {each: each.read_bytes().decode("latin-1") for each in found if each.is_file()}


def tags_of(workspace, name):
    """Return the documents that everyone who can read the workspace sees."""
    models = [(each.tags, each.properties, each.description) for each in workspace.models()]
    return str((models, workspace.endpoint(name), workspace.deployments(name)))


@pytest.fixture
def bundle(tmp_path, bare_lock):
    """Return a bundle with the inference server alone."""
    made = script_bundle(
        cases.SCALING,
        folder=tmp_path / "bundle",
        environment=Environment(python=bare_lock.python, requirements=()),
        model={"factor": 3},
    )
    return with_lock(made, lock=bare_lock)


MODES = ("key", "aml_token")


def test_a_deployment_leaves_no_secret(tmp_path, shared_home, bundle, everything, capfd):
    """Nor does a request, the log of the service, the history, or a repr, with keys and tokens."""
    pytest.importorskip("azure.ai.ml")
    keys, log, tags = [], "", ""
    with open_online(tmp_path / "offline", home=shared_home) as online:
        before = files_of(shared_home)
        config = str(online.offline.config_path)
        for mode in MODES:
            target = DeployTarget.open("online-endpoint", workspace=config, auth_mode=mode)
            name = mode.replace("_", "-")
            deployment = target.deploy(bundle, name=name, check="static")
            assert deployment.run({"data": [1]}) == [3]
            keys += [deployment.keys().primary, deployment.keys().secondary]
            history = target.history(name)
            assert [each.outcome for each in history] == ["serving"]
            log += "\n".join([deployment.logs(), *map(repr, (target, deployment, history))])
            log += repr(deployment.keys())
            tags += tags_of(open_ml(config), name)
        log += "\n".join([*everything.texts, *capfd.readouterr()])
        after = {path: text for path, text in files_of(shared_home).items() if path not in before}
    assert "urllib3.connectionpool: " in log, "the libraries have written nothing"
    for place, text in {"log": log, "tags": tags, **after}.items():
        found = [each.group() for each in SECRET.finditer(text)]
        assert not found, (place, found[:3])
        assert not [each for each in keys if each in text], place
