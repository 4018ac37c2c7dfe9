"""The way out of this machine, for programs in a terminal with an offline workspace's variables."""

from __future__ import annotations

import json
import os

import pytest

from modelship.testing.offline.offline_workspace import OfflineWorkspace
from modelship.workspace.way_out import WayOut

COMPANY = {"HTTPS_PROXY": "http://me:hidden@proxy.example.org:3128", "NO_PROXY": ".example.org"}


def way_of(environ):
    return {name: environ[name] for name in WayOut.names if name in environ}


@pytest.fixture
def company(monkeypatch):
    """Let this process be one in a company, whose proxy leads to package indexes."""
    for name in WayOut.names:
        monkeypatch.delenv(name, raising=False)
    for name, value in COMPANY.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("again", ["kept", "another"])
def test_a_workspace_takes_the_way_that_was_there_before_its_variables(
    tmp_path, company, monkeypatch, again
):
    """Started from a terminal with variables of its own or of another, it finds packages."""
    with OfflineWorkspace(tmp_path / "kept") as first:
        own = first.environment
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    with OfflineWorkspace(tmp_path / again):
        assert os.environ["HTTPS_PROXY"] == COMPANY["HTTPS_PROXY"]
        assert os.environ["NO_PROXY"].startswith(COMPANY["NO_PROXY"])
        assert "http_proxy" not in os.environ
    assert own.items() <= os.environ.items()


@pytest.mark.parametrize("sealed", [True, False])
def test_packages_come_the_way_that_was_there_before(tmp_path, company, sealed):
    """Not through the workspace, running or not; except where it is to let nothing out."""
    with OfflineWorkspace(tmp_path / "kept", sealed=sealed) as offline:
        own = offline.environment
    found = WayOut(own | {"PATH": "/bin"}).for_packages()
    assert way_of(found) == (way_of(own) if sealed else COMPANY)
    assert found["PATH"] == "/bin"


def test_variables_of_a_folder_that_is_gone_lead_nowhere(tmp_path, company):
    """What was there before is not known any more, and there is no proxy."""
    with OfflineWorkspace() as offline:
        own = offline.environment
    assert way_of(WayOut(own).before()) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"sealed": 1, "variables": {}}',
        '{"variables": 3}',
        '{"sealed": false, "variables": {"PATH": "/evil"}}',
    ],
)
def test_only_what_a_workspace_wrote_is_read(tmp_path, text):
    """A file with other content, or that others can read, is skipped."""
    environ = {
        "HTTPS_PROXY": "http://modelship-offline:x@127.0.0.1:1",
        "SSL_CERT_FILE": str(tmp_path / "ca-bundle.pem"),
    }
    kept = tmp_path / "way-out.json"
    kept.write_text(text)
    kept.chmod(0o600)
    assert WayOut(environ).before() == {}
    kept.write_text(json.dumps({"sealed": False, "variables": COMPANY}))
    assert WayOut(environ).before() == COMPANY
    kept.chmod(0o644)
    assert WayOut(environ).before() == {}


def test_other_variables_are_left_as_they_are():
    """Nothing of it is for a process that has nothing of an offline workspace."""
    environ = {**COMPANY, "PATH": "/bin", "https_proxy": "http://[broken"}
    assert WayOut(environ).for_packages() == WayOut(environ).before() == environ
