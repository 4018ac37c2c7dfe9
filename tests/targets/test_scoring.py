"""Our HTTP towards a service: bodies, answers, statuses, deadlines."""

import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from modelship.errors import (
    InvalidPayloadError,
    ScoringRequestError,
    ScoringTimeoutError,
    ServiceUnreachableError,
)
from modelship.targets.http_scoring import answers, fetch, score


@contextmanager
def service(reply):
    """Serve on 127.0.0.1; `reply(handler, body)` answers each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            reply(self, self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self):
            reply(self, b"")

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/score"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler, status, body, content_type="application/json", **headers):
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def echo(handler, body):
    send(handler, 200, body)


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ({"data": [1, 2.5]}, {"data": [1, 2.5]}),
        ({"data": np.eye(2)}, {"data": [[1.0, 0.0], [0.0, 1.0]]}),
        ([np.float64(1.5), np.int64(3)], [1.5, 3]),
        ('{"already": "json"}', {"already": "json"}),
        (b"[1]", [1]),
        ('"caf\u00e9"', "caf\u00e9"),
    ],
)
def test_a_payload_goes_as_json_and_text_goes_as_it_stands(payload, body):
    """Arrays become lists, and a str or bytes is the body itself."""
    with service(echo) as uri:
        assert score(uri, payload, timeout_s=5) == body


@pytest.mark.parametrize("payload", [{"a": object()}, {1j}, {"a": {1, 2}}])
def test_a_payload_without_json_form_is_refused_before_it_is_sent(payload):
    """Nothing listens at this address, and nothing is tried."""
    with pytest.raises(InvalidPayloadError, match="has no JSON form"):
        score("http://127.0.0.1:1/score", payload, timeout_s=5)


def test_an_error_status_carries_the_request_id_that_the_service_echoes():
    """The caller can find the request in the service's log."""
    seen = []

    def fail(handler, body):
        seen.append(handler.headers["x-request-id"])
        send(handler, 500, b"it broke", "text/plain", x_request_id=seen[-1])

    with service(fail) as uri, pytest.raises(ScoringRequestError) as caught:
        score(uri, {}, timeout_s=5)
    assert (caught.value.status, caught.value.body) == (500, "it broke")
    assert caught.value.request_id == seen[0]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ('{"data": [[np.float64(0.5)]]}', "the body is not JSON: it holds np.float64(…), the repr"),
        ("{'data': [[0.5]]}", "the body is not JSON: it holds single quotes"),
        ('{"data": [[0.5]]}', ""),
        (b"\xff\xfe", ""),
    ],
)
def test_a_refused_body_that_python_wrote_is_explained(payload, said):
    """The error says what it holds, without a value, and how to write it; of others nothing."""
    refuse = service(lambda handler, body: send(handler, 500, b"it broke", "text/plain"))
    with refuse as uri, pytest.raises(ScoringRequestError) as caught:
        score(uri, payload, timeout_s=5)
    assert said in caught.value.message
    assert "0.5" not in str(caught.value)
    assert ("json.dumps" in caught.value.hint) == bool(said)


def test_the_front_of_an_endpoint_is_told_from_its_container():
    """The error shows the container's own status, which the headers of the front have."""

    def front(handler, body):
        send(handler, 424, b"it broke", "text/plain", MS_AzureML_Model_Error_StatusCode="500")

    with service(front) as uri, pytest.raises(ScoringRequestError) as caught:
        score(uri, {}, timeout_s=5)
    assert "its container answered 500" in caught.value.message


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json; charset=utf-8", [1]),
        ("application/problem+json", [1]),
        ("text/plain", "[1]"),
        ("application/octet-stream", b"[1]"),
    ],
)
def test_an_answer_is_decoded_by_its_content_type(content_type, expected):
    """JSON is decoded, text is str, anything else stays bytes."""
    with service(lambda handler, body: send(handler, 200, b"[1]", content_type)) as uri:
        assert score(uri, {}, timeout_s=5) == expected


def test_a_slow_answer_meets_its_deadline():
    """A service that thinks too long is a timeout that names its bound."""
    gone = threading.Event()
    with service(lambda handler, body: gone.wait(10)) as uri:
        with pytest.raises(ScoringTimeoutError, match=r"0\.2 s"):
            score(uri, {}, timeout_s=0.2)
        gone.set()


def test_an_answer_that_trickles_meets_its_deadline_too():
    """Sending something now and then does not put the deadline off."""
    gone = threading.Event()

    def trickle(handler, body):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not gone.wait(0.05):
            handler.wfile.write(b" " * 10)

    with service(trickle) as uri:
        started = time.monotonic()
        with pytest.raises(ScoringTimeoutError):
            score(uri, {}, timeout_s=0.5)
        gone.set()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("ask", [partial(score, payload={}), fetch])
def test_a_deadline_that_has_passed_before_is_a_timeout_too(ask):
    """As between two requests of an evaluation that share one deadline."""
    with pytest.raises(ScoringTimeoutError):
        ask("http://127.0.0.1:1/score", timeout_s=0.0)


def test_nobody_there_is_said_with_the_cause():
    """A closed port is an error of ours, not of requests."""
    with pytest.raises(ServiceUnreachableError, match="ConnectionError"):
        score("http://127.0.0.1:1/score", {}, timeout_s=5)
    assert not answers("http://127.0.0.1:1/score")


def test_a_proxy_for_the_world_outside_does_not_stand_between(monkeypatch):
    """Requests to this machine never go through HTTP_PROXY."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with service(echo) as uri:
        assert score(uri, [1], timeout_s=5) == [1]
        assert answers(uri)


def test_a_body_that_is_not_the_json_it_claims_is_an_error_of_ours():
    """A broken answer is reported as what it is."""
    broken = service(lambda handler, body: send(handler, 200, b"{oops"))
    with broken as uri, pytest.raises(ScoringRequestError, match="200") as caught:
        score(uri, [], timeout_s=5)
    assert "oops" in caught.value.body


@pytest.mark.parametrize(
    ("status", "hint"),
    [(400, "Correct the request"), (401, "a key of the service"), (500, "has the traceback")],
)
def test_the_remedy_is_that_of_the_status(status, hint):
    """A refused request has no traceback, and one without a key needs one."""
    error = ScoringRequestError("http://x/score", status, "id", '{"message": "no"}')
    assert hint in error.hint
