"""modelship update, rollback and history, on the target memory; and what a failure leaves."""

import json
import os
import uuid
from types import SimpleNamespace

import pytest

from modelship.cli.changes import _changed
from modelship.cli.config import FILE_NAME
from modelship.state_paths import cache_folder
from modelship.targets import DeployTarget, Serving
from modelship.testing import offline_bundle, script_bundle

MEMORY = ("-t", "memory")


@pytest.fixture
def name():
    """Return a name that has no history: the target memory keeps it as long as the process."""
    return f"svc-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def service(modelship, files, name):
    """Deploy the bundle of digits under the name, and return the name."""
    done = modelship("deploy", files / "bundle", "-n", name, *MEMORY, "--quiet")
    assert done.exit_code == 0, done.output
    return name


@pytest.fixture
def release(name):
    """Return what tells the release that the service has now."""
    return lambda: DeployTarget.open("memory").get(name).release


def changes(modelship, name):
    return json.loads(modelship("history", name, *MEMORY, "--json").stdout)["changes"]


def test_update_changes_what_is_given_and_nothing_else(
    modelship, files, monkeypatch, name, release
):
    """An option leaves the bundle and the other options, a bundle leaves the options."""
    monkeypatch.setenv("SECRET", "hunter2")
    given = ("--variable", "MODE=a", "--secret", "KEY=env:SECRET")
    modelship("deploy", files / "bundle", "-n", name, *MEMORY, "--quiet", *given)
    first = release()
    updated = ("update", name, *MEMORY, "--quiet", "--json")
    done = modelship(*updated, "--variable", "LEVEL=1")
    assert json.loads(done.stdout)["digest"] == first.bundle
    assert {**release().options} == {**first.options, "variables.LEVEL": "1"}
    both = modelship(*updated, "--variable", "MODE=b", files / "slower")
    assert both.exit_code == 0, both.output
    assert release().options["variables.MODE"] == "b"
    assert release().bundle != first.bundle
    assert [each["differed"] for each in changes(modelship, name)][1:] == [
        ["variables.LEVEL"],
        ["script", "sample_input", "variables.MODE"],
    ]


def test_update_leaves_what_the_file_says_alone(modelship, service, here, release):
    """The settings of the file are for apply: only where services run counts."""
    (here / FILE_NAME).write_text("target: memory\nserving: {variables: {MODE: file}}\n")
    done = modelship("update", service, "--variable", "LEVEL=1", "--quiet")
    assert done.exit_code == 0, done.output
    assert "variables.MODE" not in release().options


def test_rollback_goes_back_and_to_a_change_by_its_number(modelship, service, name, release):
    """Without --to it is the release before; with it, that of any change."""
    first = release().digest
    modelship("update", service, *MEMORY, "--variable", "MODE=a", "--quiet")
    second = release().digest
    assert modelship("rollback", service, *MEMORY, "--quiet").exit_code == 0
    assert release().digest == first
    assert modelship("rollback", service, *MEMORY, "--to", "2", "--quiet").exit_code == 0
    assert release().digest == second
    assert [each["kind"] for each in changes(modelship, name)][-2:] == ["rollback", "rollback"]


def test_a_changed_service_is_shown_with_its_sample_request(modelship, name, tmp_path):
    """As after deploy, what is shown can be typed as it is."""
    script = "def init(): ...\ndef run(raw_data): return 1\n"
    bundle = script_bundle(script, folder=tmp_path, environment=None, sample_input={"data": [1]})
    offline_bundle(bundle).save(tmp_path / "bundle")
    typed = f"modelship run {name} -t memory --data '{{\"data\": [1]}}'"
    steps = [("deploy", tmp_path / "bundle", "-n"), ("update", "--variable", "A=1"), ("rollback",)]
    for step in steps:
        done = modelship(*step, name, *MEMORY, "--quiet")
        assert done.exit_code == 0, done.output
        assert typed in done.stdout


def test_history_is_a_table_also_of_what_is_deleted(modelship, service):
    """Each change is a line: its number, who made it, what was asked for, and how it ended."""
    modelship("update", service, *MEMORY, "--variable", "MODE=a", "--quiet")
    modelship("delete", service, *MEMORY)
    done = modelship("history", service, *MEMORY)
    lines = [line.split() for line in done.stdout.splitlines() if line[:1].strip().isdigit()]
    assert [(line[0], line[4], line[6]) for line in lines] == [
        ("1", "deploy", "ended"),
        ("2", "update", "ended"),
        ("3", "delete", "ended"),
    ]
    assert "variables.MODE" in done.stdout
    assert len(modelship("history", service, *MEMORY, "--last", "1").stdout.splitlines()) == 3


def test_another_server_keeps_the_options_that_it_has():
    """An option that only the old server has cannot stay, and does not stand in the way."""
    before = Serving(server="modelship", server_options={"body_mb": 1, "scoring_timeout_ms": 9000})
    deployment = SimpleNamespace(serving=lambda **_: before)
    after = _changed(deployment, {"server": "azmlinfsrv"})
    assert dict(after.server_options) == {"scoring_timeout_ms": 9000}
    assert dict(_changed(deployment, {"workers": 2}).server_options) == dict(before.server_options)


def test_a_failed_deployment_can_still_be_asked_for_its_log(modelship, files, name):
    """Both logs and doctor answer for what did not start, until the next deployment."""
    modelship("deploy", files / "failing", "-n", name, *MEMORY, "--quiet")
    logs = modelship("logs", name, *MEMORY)
    assert logs.exit_code == 0
    assert "OSError: there is no model" in logs.stdout
    told = modelship("doctor", name, *MEMORY)
    assert told.exit_code == 7
    assert "Its last deployment failed at" in told.stdout
    document = json.loads(modelship("doctor", name, *MEMORY, "--json").stdout)
    assert document["failed_deployment"]["change"] == 1
    modelship("deploy", files / "bundle", "-n", name, *MEMORY, "--quiet")
    healthy = json.loads(modelship("doctor", name, *MEMORY, "--json").stdout)
    assert healthy["failed_deployment"] is None


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("update", "NAME"), 2, "such as --workers 2"),
        (("update", "nobody", "--variable", "A=1"), 7, "no deployment named 'nobody'"),
        (("update", "NAME", "none"), 5, "is not a usable bundle"),
        (("rollback", "NAME"), 7, "has no earlier release"),
        (("rollback", "NAME", "--to", "9"), 2, "the number of a change"),
        (("history", "nobody-svc"), 7, "no deployment named 'nobody-svc'"),
    ],
)
def test_a_change_that_cannot_be_made_is_told(modelship, service, arguments, exit_code, said):
    """Each mistake has its exit code and a message that names it."""
    done = modelship(*(service if each == "NAME" else each for each in arguments), *MEMORY)
    assert done.exit_code == exit_code, done.output
    assert said in done.stderr


def test_prune_tells_what_it_frees(modelship, monkeypatch):
    """The document lists each thing with its size; a dry run removes nothing."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    folder = cache_folder() / "environments" / "unused"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"\0" * 10_000)
    os.utime(folder, (10**9, 10**9))
    document = json.loads(modelship("prune", "--dry-run", "--unused-for", "0", "--json").stdout)
    [thing] = document["removed"]
    assert (thing["kind"], thing["name"]) == ("environment", str(folder))
    assert document["size_bytes"] == thing["size_bytes"] >= 10_000
    done = modelship("prune", "--unused-for", "0")
    assert done.exit_code == 0
    assert done.stdout.endswith("kB freed\n")
    assert not folder.exists()
    assert modelship("prune").stdout == "Nothing to remove.\n"
