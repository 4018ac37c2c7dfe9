"""``modelship doctor`` without a name: what this machine has of what modelship needs."""

import json
import shutil
import socket
import sys
import threading
from importlib import metadata
from types import SimpleNamespace

import pytest

from modelship.cli import machine
from modelship.cli.azure_clients import misfit, shown_clients
from modelship.cli.config import Config
from modelship.cli.machine import Seen, look

NOBODY = "tcp://127.0.0.1:9"


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """Let no index and no engine be asked, and nothing be slow."""
    monkeypatch.setenv("DOCKER_HOST", NOBODY)
    monkeypatch.setattr(machine, "_index", lambda: Seen("package index", "ok", "it answers"))


def test_each_part_is_looked_at(modelship):
    """A machine on which services run has no problem; what only some need is a note."""
    done = modelship("doctor", "--json")
    document = json.loads(done.stdout)
    seen = {each["what"]: each for each in document["machine"]}
    assert [*seen] == [
        *("Python", "uv", "package index", "Pythons", "Docker", "disk", "ports", "extras"),
        "Azure ML",
    ]
    assert ".".join(map(str, sys.version_info[:3])) in seen["Pythons"]["found"]
    assert (seen["Docker"]["status"], seen["Docker"]["found"]) == ("note", "no engine answers")
    assert seen["uv"]["status"] == "ok"


def test_a_problem_is_an_exit_code_and_has_a_remedy(modelship, monkeypatch):
    """A full disk keeps every service from being made."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    done = modelship("doctor")
    assert done.exit_code == 7
    assert "✗ disk           0.0 GiB free in" in done.stdout
    assert "> Free disk space: modelship prune" in done.stdout


def test_an_engine_that_modelship_yaml_asks_for_has_to_answer(modelship, here):
    """Who deploys on docker needs it."""
    (here / "modelship.yaml").write_text("target: docker\n")
    assert modelship("doctor").exit_code == 7


def test_an_index_that_cannot_be_reached_is_told_as_when_bundling(monkeypatch):
    """With what to do, and within the deadline."""
    monkeypatch.undo()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    seen = machine._index()
    assert (seen.status, "cannot be reached" in seen.found) == ("problem", True)
    assert seen.remedy


def test_what_does_not_answer_keeps_the_others_from_nothing(monkeypatch):
    """Each has its deadline, and one that breaks is told as such."""
    is_over = threading.Event()
    hang = is_over.wait

    class Look(threading.Thread):
        """Waits for what answers, however slow the machine is, and not for what does not."""

        def __init__(self, *, args, **options):
            super().__init__(args=args, **options)
            self.hangs = hang in args

        def join(self, timeout_s):
            assert timeout_s == 0.5
            super().join(0 if self.hangs else None)

    monkeypatch.setattr(machine, "threading", SimpleNamespace(Thread=Look))
    monkeypatch.setattr(machine, "_uv", hang)
    monkeypatch.setattr(machine, "_disk", lambda: 1 / 0)
    try:
        seen = {each.what: each for each in look(Config(), timeout_s=0.5)}
    finally:
        is_over.set()
    assert "no answer within 0.5 s" in seen["uv"].found
    assert "division by zero" in seen["disk"].found
    assert seen["Python"].status == "ok"


def test_missing_pythons_extras_and_a_taken_port_are_notes(monkeypatch):
    """With what to type to install them."""
    monkeypatch.setattr("modelship.runtime.install.installed_pythons", lambda: {"3.11": "3.11.7"})
    assert machine._pythons().remedy.endswith("python install 3.13")
    monkeypatch.setattr(metadata, "requires", lambda _: ['nowhere>=1; extra == "report"'])
    assert machine._extras().remedy == "If you need one: pip install 'modelship-ml[report]'"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(machine, "_SERVE_PORT", taken.getsockname()[1])
        assert machine._ports().status == "note"


@pytest.mark.parametrize(
    ("installed", "wrong"),
    [
        ({}, None),
        ({"azureml-core": "1.61.0.post4"}, None),
        ({"azure-ai-ml": "1.35.2", "azure-identity": "1.26", "marshmallow": "3.26.1"}, None),
        ({"azure-ai-ml": "1.26.0", "marshmallow": "4.0.0"}, "cannot use marshmallow 4.0.0, and"),
        ({"azure-ai-ml": "1.26.5", "marshmallow": "3.26.1"}, "is too old: 1.27 or newer"),
        ({"azure-ai-ml": "1.35.2", "marshmallow": "3.26.1"}, "has no azure-identity"),
    ],
)
def test_clients_that_do_not_fit_together_are_told(installed, wrong):
    """By the versions of the installed packages, without importing one."""
    found = misfit(installed.get)
    assert (found[0] if found else None) == wrong or wrong in found[0]
    assert found is None or found[1].startswith("pip install 'modelship-ml[azure-v2]'")
    assert all(each in installed for each in shown_clients(installed.get).split()[::2])
