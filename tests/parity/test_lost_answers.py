"""What is sent to a service after a request without an answer."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelship.comparison.answers import ENDED
from modelship.parity import Address, ScoringRequest
from modelship.parity.compared_services import ComparedService, answer_over_http

KEY = "a-key"


class Handler(BaseHTTPRequestHandler):
    """Needs a key, and ends the connection of a body that says so."""

    def do_GET(self):
        if self.path == "/swagger.json":
            self.server.looks += 1
            if self.server.looks == 1:
                self.answer(401)
        else:
            self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body != b"end":
            self.answer(200 if self.headers["Authorization"] == f"Bearer {KEY}" else 401)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def service():
    """Yield the address of a service that says only once whether it needs a key."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.looks = 0
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Address(f"http://127.0.0.1:{server.server_address[1]}/score", key=KEY)
        server.shutdown()
        thread.join()


def test_the_key_is_kept_where_the_service_does_not_say_again(service):
    """A service that is just being restored has not lost its key."""
    requests = [ScoringRequest(each, each.encode()) for each in ("end", "next")]
    given = answer_over_http(ComparedService(service), requests, request_timeout_s=20.0)
    assert [(each.status, each.failure) for each in given] == [(0, ENDED), (200, "")]
