"""An offline workspace for a test, and a home of its own for the SDK."""

from __future__ import annotations

import pytest
import requests

from modelship.testing.offline.workspace import OfflineWorkspace


@pytest.fixture(scope="session", autouse=True)
def sdk_home(tmp_path_factory):
    """Give the SDK a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder of the test's own: the SDK registers nothing from outside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def offline(tmp_path):
    """Open an offline workspace on a folder below `tmp_path`."""
    with OfflineWorkspace(tmp_path / "offline") as workspace:
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
        return requests.request(method, url, timeout=30, **options)

    return make
