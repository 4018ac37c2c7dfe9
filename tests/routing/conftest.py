"""Two releases that answer over plain HTTP, an address, and callers."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from modelship.routing.router import Router


class Release(ThreadingHTTPServer):
    """Answers every request with its `answer`, or as a function of the body."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer=b'{"result": [1]}', *, status=200):
        self.answer = answer
        self.status = status
        self.got = []
        self.before = lambda: None
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def die(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Say nothing of connections that are cut."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got.append((self.path, dict(self.headers), body))
        self.server.before()
        answer = self.server.answer(body) if callable(self.server.answer) else self.server.answer
        if answer is None:  # it dies with the request
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 - http.server calls it

    def log_message(self, *_):
        """Write no log."""


@pytest.fixture
def address():
    """Return a listening socket, as a name's address."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener


@pytest.fixture
def make_release():
    """Return what starts a release; each ends with the test."""
    made = []

    def make(*args, **options):
        made.append(Release(*args, **options))
        return made[-1]

    yield make
    for each in made:
        each.die()


@pytest.fixture
def old(make_release):
    """Return the release that serves."""
    return make_release()


@pytest.fixture
def new(make_release):
    """Return the release that is tried."""
    return make_release()


@pytest.fixture
def router(address, old, new):
    """Return a router in front of both."""
    started = Router.start(address, old=old.origin, new=new.origin)
    yield started
    started.kill()


@pytest.fixture
def call(address):
    """Return what sends one request to the address."""

    def call(body=b"{}", *, session=requests, **options):
        port = address.getsockname()[1]
        return session.post(f"http://127.0.0.1:{port}/score", data=body, timeout=20, **options)

    return call


@pytest.fixture
def calling(call):
    """Return a context in which several callers send requests; it yields what they got."""

    @contextmanager
    def calling(*, callers=2, body=b"{}", kept=True, pause_s=0.05):
        ended, got = threading.Event(), []

        def live():
            with requests.Session() as session:
                while not ended.wait(pause_s):
                    got.append(_status(call, body, session if kept else requests))

        threads = [threading.Thread(target=live) for _ in range(callers)]
        for each in threads:
            each.start()
        try:
            yield got
        finally:
            ended.set()
            for each in threads:
                each.join(30)

    return calling


def _status(call, body, session):
    try:
        return call(body, session=session).status_code
    except requests.RequestException as error:
        return repr(error)
