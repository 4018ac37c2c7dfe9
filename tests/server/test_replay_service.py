"""What a running service has captured is sent again, and the answers of then and now are shown."""

from __future__ import annotations

import json

import pytest
import requests
from click.testing import CliRunner

from modelship.cli.app import cli
from modelship.errors import InvalidOptionError, ReplayError, ServiceUnreachableError
from modelship.parity import Address, read_captured, read_requests, replay
from waiting import wait_until

_TIMEOUT_S = 30.0
_SECRET = "hunter-two"


@pytest.fixture
def service(serving, tmp_path):
    """Start a service that captures; its folder holds the file that makes it fail."""
    server = serving.start(
        "default",
        script="failing",
        settings={"MODELSHIP_CAPTURE": str(tmp_path / "captured"), "WORKER_COUNT": "2"},
        files={"broken": ""},
    )
    assert server.wait_until_healthy()
    yield server
    server.stop()


@pytest.fixture
def captured(service, tmp_path):
    """Send two requests that fail, and return the folder once both are there."""
    for number, body in enumerate((b'{"rows": [1]}', b"\xff{")):
        requests.post(
            f"{_uri(service)}?code={_SECRET}&x=1",
            data=body,
            headers={"X-Api-Key": _SECRET, "x-request-id": f"request-{number}"},
            timeout=_TIMEOUT_S,
        )
    folder = tmp_path / "captured"
    wait_until(lambda: len([*folder.glob("*.jsonl")]) == 2)
    return folder


def _uri(service):
    return f"http://127.0.0.1:{service.port}/score"


def _modelship(*arguments, **options):
    return CliRunner().invoke(cli, ["replay", *map(str, arguments)], **options)


def test_what_is_captured_is_read(captured):
    """The requests come back as they were sent, but for what may be secret."""
    first, second = read_captured([captured])
    assert (first.request.body, second.request.body) == (b'{"rows": [1]}', b"\xff{")
    assert (first.request_id, first.status, first.cause) == (
        "request-0", 500, "KeyError: 'columns'",
    )  # fmt: skip
    assert second.status == 400
    assert first.request.path == "/score?x=1"
    assert first.left_out == ("x-api-key", "code")
    assert not any(_SECRET in each.read_text() for each in captured.iterdir())


def test_parity_reads_it_too(captured):
    """A captured request is one line of a requests file."""
    [file, *_] = sorted(captured.iterdir())
    [request] = read_requests(file)
    assert request.body == b'{"rows": [1]}'


def test_a_repaired_service_answers_them(captured, service):
    """The report counts what no longer fails; what still fails is an exit code."""
    (service.folder / "broken").unlink()
    done = _modelship(captured, "--to", _uri(service))
    assert done.exit_code == ReplayError.exit_code
    assert "1 of 2 requests no longer fail" in done.stdout
    assert "then  500 " in done.stdout
    assert "KeyError: 'columns'" in done.stdout
    assert 'now   200 {"rows": [1]}' in done.stdout
    assert "sent without x-api-key, code" in done.stdout
    assert "1 of 2 captured requests failed again" in done.stderr


def test_a_document_says_the_same(captured, service):
    """As JSON, then and now stand side by side."""
    done = _modelship(captured, "--to", _uri(service), "--limit", "1", "--json")
    document = json.loads(done.stdout)
    assert (document["sent"], document["failing"]) == (1, 1)
    [entry] = document["requests"]
    assert entry["request_id"] == "request-1"
    assert entry["then"]["status"] == entry["now"]["status"] == 400
    assert done.exit_code == ReplayError.exit_code


def test_a_cut_body_is_not_sent(captured, service):
    """Half a body is another request: it is told, and parity refuses it."""
    file = min(captured.iterdir())
    document = json.loads(file.read_text())
    document["captured"]["body_cut"] = True
    file.write_text(json.dumps(document))
    report = replay(read_captured([captured]), to=Address(_uri(service)))
    assert (len(report.replayed), len(report.not_sent)) == (1, 1)
    with pytest.raises(InvalidOptionError, match="1 with bodies that were cut"):
        replay(report.not_sent, to=Address(_uri(service)))
    with pytest.raises(InvalidOptionError, match="cut when it was captured"):
        read_requests(file)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Give one of --to, -n and --bundle"),
        (("--to", "ftp://here/score"), "the address of a service"),
        (
            ("--to", "http://127.0.0.1:1/score", "--key-env", "NO_SUCH_KEY"),
            "a variable that is set",
        ),
        (("-n", "some-service", "--key-env", "NO_SUCH_KEY"), "--key-env goes with --to"),
    ],
)
def test_what_cannot_be_is_said(captured, arguments, told):
    """Nothing is sent before it is clear where to."""
    done = _modelship(captured, *arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_nobody_there_is_said_at_once(captured):
    """No request waits for a service that is not there."""
    done = _modelship(captured, "--to", "http://127.0.0.1:1/score")
    assert done.exit_code == ServiceUnreachableError.exit_code
    assert "its health route does not answer" in done.stderr


@pytest.mark.parametrize("text", ["{}", '{"request": {}, "captured": {"format": 99}}', "[1"])
def test_another_file_is_refused(tmp_path, text):
    """The file and the line are named."""
    (tmp_path / "other.jsonl").write_text(text)
    with pytest.raises(InvalidOptionError, match=r"other\.jsonl:1"):
        read_captured([tmp_path])
