"""modelship deploy, run, logs, list, delete and targets, on the target memory."""

import json
import time

import pytest

from modelship.shown import local_time

MEMORY = ("-t", "memory")


def test_deploy_says_what_to_do_next(modelship, files):
    """The service's address and the three commands are there to be copied."""
    done = modelship("deploy", files / "bundle", "-n", "digits-svc", *MEMORY)
    assert done.exit_code == 0, done.output
    assert "digits-svc is Healthy on memory" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert "modelship delete digits-svc -t memory" in done.stdout
    assert "Start the service: done" in done.stderr


def test_deploy_as_json_is_one_document(modelship, files):
    """With --json, stdout is the deployment and nothing else."""
    done = modelship("deploy", files / "bundle", "-n", "digits-svc", *MEMORY, "--json")
    document = json.loads(done.stdout)
    assert document["state"] == "Healthy"
    assert document["swagger_uri"] == document["scoring_uri"].replace("/score", "/swagger.json")
    recorded = json.loads((files / "bundle" / "bundle.json").read_text())
    assert document["digest"] == recorded["digest"]


def test_a_different_bundle_needs_overwrite(modelship, files, service):
    """The name is not taken over by accident, and the message says how to do it on purpose."""
    done = modelship("deploy", files / "raising", "-n", service, *MEMORY, "--quiet")
    assert (done.exit_code, done.stdout) == (7, "")
    assert "--overwrite" in done.stderr
    again = modelship("deploy", files / "raising", "-n", service, *MEMORY, "--overwrite")
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize("way", ["file", "data", "stdin", "dash", "marked file", "marked stdin"])
def test_run_sends_a_request_from_anywhere(modelship, files, service, here, way):
    """A file, an argument and stdin all give the answer; a byte order mark is no part of it."""
    text = (files / "request.json").read_text()
    (here / "marked.json").write_text(text, encoding="utf-8-sig")
    stdin = {"stdin": text, "dash": text, "marked stdin": f"\ufeff{text}"}.get(way)
    arguments = {
        "file": ("-f", files / "request.json"),
        "data": ("--data", text),
        "dash": ("-f", "-"),
        "marked file": ("-f", here / "marked.json"),
    }
    done = modelship("run", service, *MEMORY, *arguments.get(way, ()), stdin=stdin)
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)) == 3


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("digits-svc", "--data", '{"data": ['), 8, "it is not JSON; it ends too early"),
        (("digits-svc", "--data", "[np.float64(0.5)]"), 8, "the repr of a numpy 2 scalar"),
        (("digits-svc", "-f", "none.json"), 2, "an existing file"),
        (("digits-svc", "-f", "x", "--data", "1"), 2, "not both"),
        (("digits-svc", "--data", "1", "--timeout", "0"), 2, "0.0"),
        (("digit-svc", "--data", "1"), 7, "did you mean 'digits-svc'"),
    ],
)
def test_a_request_that_cannot_be_sent_is_told(modelship, service, arguments, exit_code, said):
    """Slips are found before anything is sent."""
    done = modelship("run", *arguments, *MEMORY)
    assert (done.exit_code, done.stdout) == (exit_code, "")
    assert said in done.stderr


def test_an_error_of_the_script_is_an_error_document(modelship, files):
    """The status and the body come back, and the log has the traceback."""
    modelship("deploy", files / "raising", "-n", "raising", *MEMORY, "--quiet")
    done = modelship("run", "raising", *MEMORY, "--data", "{}", "--json")
    error = json.loads(done.stdout)["error"]
    assert done.exit_code == error["exit_code"] == 8
    assert error["type"] == "ScoringRequestError"
    assert "500" in error["message"]
    assert "Check the logs" in error["evidence"]
    logs = modelship("logs", "raising", *MEMORY, "--tail", "30")
    assert "ValueError: rows of 64 numbers are needed" in logs.stdout


def test_logs_as_json(modelship, service):
    """The log is a string in a document that names its service."""
    document = json.loads(modelship("logs", service, *MEMORY, "--json").stdout)
    assert document.keys() == {"name", "target", "logs"}
    assert (document["name"], document["target"]) == (service, "memory")


def test_list_finds_services_on_every_target(modelship, service, monkeypatch):
    """Without -t every target is looked at; one that is not available is a note on stderr."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    done = modelship("list")
    assert done.exit_code == 0, done.output
    assert service in done.stdout
    assert "note: The target 'docker' is not available" in done.stderr
    document = json.loads(modelship("list", "--json").stdout)
    assert [each["name"] for each in document["deployments"]] == [service]
    assert [each["target"] for each in document["unavailable"]] == [
        "aci",
        "docker",
        "online-endpoint",
    ]


def test_list_has_no_note_of_a_place_that_nobody_set_up(modelship, here, monkeypatch):
    """Without a workspace, or the extra for one, Azure is not spoken of; `targets` tells of it."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    assert "azure" not in modelship("list").stderr.lower()
    assert "aci" in modelship("targets").stdout
    (here / "modelship.yaml").write_text("services: {digits-svc: {target: aci}}\n")
    assert "azure" in modelship("list").stderr.lower()


def test_list_shows_local_times(modelship, service, monkeypatch):
    """As a clock on the wall says; the document has them in UTC."""
    monkeypatch.setenv("TZ", "Etc/GMT-14")
    time.tzset()
    try:
        [found] = json.loads(modelship("list", *MEMORY, "--json").stdout)["deployments"]
        assert local_time(found["created_at"]) in modelship("list", *MEMORY).stdout
        assert found["created_at"].endswith("+00:00")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_list_of_one_target_that_is_not_available_fails(modelship, monkeypatch):
    """Who asks for a target by name has to learn that it is not there."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    assert modelship("list", "-t", "docker").exit_code == 7
    assert modelship("list", *MEMORY).stdout == "Nothing is deployed.\n"


def test_targets_says_which_are_available(modelship, service, monkeypatch):
    """Each target is there with its reason, if it has one."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    found = json.loads(modelship("targets", "--json").stdout)["targets"]
    by_name = {each["name"]: each for each in found}
    assert by_name["memory"]["deployments"] == 1
    assert by_name["process"]["available"] is True
    assert by_name["docker"]["available"] is False
    assert by_name["docker"]["reason"]


def test_delete_ends_each_service(modelship, service):
    """What was deleted is not there any more, which is an error unless it may be missing."""
    document = json.loads(modelship("delete", service, *MEMORY, "--json").stdout)
    assert document == {"target": "memory", "deleted": [service], "missing": []}
    assert modelship("delete", service, *MEMORY).exit_code == 7
    again = modelship("delete", service, "other", *MEMORY, "--missing-ok")
    assert again.exit_code == 0
    assert again.stdout == "digits-svc was not there\nother was not there\n"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("deploy", "BUNDLE", "-t", "memory"), 2, "-n NAME"),
        (("deploy", "BUNDLE", "-n", "UPPER", "-t", "memory"), 2, "not a valid service name"),
        (("deploy", "BUNDLE", "-n", "abc", "-t", "dokcer"), 2, "did you mean 'docker'"),
        (("deploy", "BUNDLE", "-n", "abc", "--option", "prt=1"), 2, "one of: none"),
        (("deploy", "BUNDLE", "-n", "abc", "--port", "99999"), 2, "1 to 65535"),
        (("deploy", "BUNDLE", "-n", "abc", "--workers", "two"), 2, "not a valid integer"),
        (("deploy", "BUNDLE", "-n", "abc", "--server", "nginx"), 2, "azmlinfsrv"),
        (("deploy", "BUNDLE", "-n", "abc", "--secret", "KEY=hunter2"), 2, "'env:NAME'"),
        (("deploy", "BUNDLE", "-n", "abc", "--secret", "KEY=env:NOT_SET"), 2, "NOT_SET is not"),
        (("deploy", "BUNDLE", "-n", "abc", "--option", "port"), 2, "key=value"),
        (("deploy", "BUNDLE", "-n", "abc", "--option", "port=5001"), 2, "type --port"),
        (("deploy", "BUNDLE", "-n", "abc", "--option", "profile=aci"), 2, "type --as"),
        (("deploy", "BUNDLE", "-n", "abc", "--option", "auth_enabled=true"), 2, "type --auth"),
        (("deploy", "BUNDLE", "-n", "abc", "--server-option", "queu=1"), 2, "one of: "),
        (("deploy", "BUNDLE", "-n", "abc", "--server-option", "scoring_timeout_ms=1m"), 2, "whole"),
        (("deploy", "BUNDLE", "-n", "abc", "--server-option", "queue=5"), 2, "--server modelship"),
        (("deploy", "none", "-n", "abc", "-t", "memory"), 5, "is not a usable bundle"),
        (("deploy", "-n", "abc", "-t", "memory"), 2, "modelship.yaml"),
        (("list", "--option", "port=1"), 2, "-t TARGET"),
    ],
)
def test_what_cannot_be_meant_is_told(modelship, files, arguments, exit_code, said):
    """Each mistake has its exit code and a message that names it."""
    done = modelship(*(files / "bundle" if each == "BUNDLE" else each for each in arguments))
    assert done.exit_code == exit_code, done.output
    assert said in done.stderr
