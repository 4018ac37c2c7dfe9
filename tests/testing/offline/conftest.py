"""An offline workspace for a test, and a home of its own for the SDK."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest
import requests
from client_environments import ClientEnvironments

from modelship.testing.offline.offline_workspace import OfflineWorkspace


@pytest.fixture(scope="session", autouse=True)
def sdk_home(tmp_path_factory):
    """Give the SDK a home of its own; uv and pyenv keep theirs."""
    home = Path.home()
    kept = {
        "PYENV_ROOT": home / ".pyenv",
        "UV_CACHE_DIR": home / ".cache" / "uv",
        "UV_PYTHON_INSTALL_DIR": home / ".local" / "share" / "uv" / "python",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in kept.items():
            patch.setenv(name, os.environ.get(name) or str(folder))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def client_python(sdk_home):
    """Return a function that gives the Python of an environment with the real SDK.

    ``client_python("3.10")`` has azureml-core, matplotlib, numpy and scikit-learn; those of 3.8 and
    3.11 read datasets too. ``client_python("3.10", "azure-ai-ml")`` has only these packages. Each
    environment is made once, for all workers of a session.
    """
    folder = Path(os.environ["MODELSHIP_TESTS_CACHE"]) / "clients"
    folder.mkdir(parents=True, exist_ok=True)
    return ClientEnvironments(folder).python


@pytest.fixture(scope="session", autouse=True)
def sdk_that_knows_azure(sdk_home):
    """Import what reads where Azure's clouds are, before an offline workspace says so."""
    importlib.import_module("azureml._vendor.azure_cli_core.cloud")


@pytest.fixture(autouse=True)
def header_of_invoke():
    """Keep the key and the deployment that a test names from the later tests of its process.

    The SDK's invoke() writes both into one header for all its requests, and takes nothing out.
    """
    _forget_invoked()
    yield
    _forget_invoked()


def _forget_invoked():
    constants = sys.modules.get("azure.ai.ml.constants._endpoint")
    if constants is not None:
        header = constants.EndpointInvokeFields.DEFAULT_HEADER
        for name in header.keys() - {"Content-Type"}:
            del header[name]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder of the test's own: the SDK registers nothing from outside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def offline():
    """Open an offline workspace on a temporary folder, for which no keeper is started."""
    with OfflineWorkspace() as workspace:
        yield workspace


@pytest.fixture
def ws(offline):
    """Return the SDK's object for the offline workspace."""
    return offline.workspace()


@pytest.fixture
def call(offline, ws):
    """Return a function that makes one request as the SDK would, below the workspace's path."""

    def make(method, service, path="", **options):
        options.setdefault("headers", ws._auth.get_authentication_header())
        prefix = f"/{service}" if service else ""
        url = f"{offline.endpoint}{prefix}{offline.identity.path}{path}"
        with requests.Session() as session:
            session.trust_env = False  # it costs more than the request
            return session.request(method, url, timeout=30, **options)

    return make


@pytest.fixture
def real_index(monkeypatch):
    """Let uv find what it finds otherwise, for a test of a module with the light server."""
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
