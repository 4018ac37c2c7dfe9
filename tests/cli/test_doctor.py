"""modelship doctor: services of the target memory, and logs from files and from stdin."""

from __future__ import annotations

import json

import pytest

MEMORY = ("-t", "memory")
LOG = """\
[pod/digits/server] Traceback (most recent call last):
[pod/digits/server]   File "/var/azureml-app/score.py", line 9, in <module>
[pod/digits/server]     import lightgbm
[pod/digits/server] ModuleNotFoundError: No module named 'lightgbm'
"""


def test_a_log_from_elsewhere_is_explained(modelship, here):
    """The code, the place, the cause, the proof and the remedy are shown; the exit code is 7."""
    (here / "pod.log").write_text(LOG)
    done = modelship("doctor", "pod.log")
    assert done.exit_code == 7
    assert done.stdout.splitlines() == [
        "MS104  score.py:9",
        "  The script imports lightgbm, which the environment does not provide.",
        '  | File "score.py", line 9, in <module>',
        "  |   import lightgbm",
        "  | ModuleNotFoundError: No module named 'lightgbm'",
        "  > List lightgbm in the environment.",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_log_on_stdin_as_json(modelship, encoding):
    """A pipe works too, also from PowerShell; with --json it is one document."""
    done = modelship("doctor", "-", "--json", stdin=LOG.encode(encoding))
    document = json.loads(done.stdout)
    assert done.exit_code == 7
    assert document["log"] == "stdin"
    assert document["diagnosis"]["rule"] == "missing-import"
    assert document["diagnosis"]["where"] == "score.py:9"


def test_a_log_in_which_nothing_is_wrong(modelship, here):
    """Its last lines are shown, and the exit code is 0; rubbish and nothing are such logs."""
    for content in (b"Worker with pid 7 ready for serving traffic\n", b"\xff\x00\x80", b""):
        (here / "calm.log").write_bytes(content)
        done = modelship("doctor", "calm.log")
        assert done.exit_code == 0, done.output
        assert "No known cause found in" in done.stdout


@pytest.mark.parametrize(("what", "exit_code"), [("none.log", 2), ("no-such-svc", 7)])
def test_what_is_not_there_is_told(modelship, what, exit_code):
    """A file that is missing is a slip of the pen; a service that is missing is the target's."""
    done = modelship("doctor", what, *(() if "." in what else MEMORY))
    assert (done.exit_code, done.stdout) == (exit_code, "")
    assert what in done.stderr


def test_a_healthy_service_is_healthy(modelship, service, here):
    """It says so with exit code 0; with -t a file of the same name is not taken for a log."""
    (here / service).write_text(LOG)
    done = modelship("doctor", service, *MEMORY)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{service} on memory is Healthy")


def test_a_failed_request_of_a_healthy_service_is_explained(modelship, files):
    """The service is well, and the reason of its last answer 500 is told."""
    modelship("deploy", files / "raising", "-n", "raising", *MEMORY, "--quiet")
    modelship("run", "raising", *MEMORY, "--data", "{}")
    done = modelship("doctor", "raising", *MEMORY, "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["diagnosis"]) == (0, None)
    assert document["failed_request"]["code"] == "MS503"
    assert "rows of 64 numbers are needed" in document["failed_request"]["cause"]
