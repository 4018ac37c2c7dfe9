"""Run a scoring service on a loopback port, with the routes of Azure ML's server.

It supports the health route, ``/score``, the request id headers, the error responses, and the
descriptions next to the script. It does not support ``@rawhttp``, OPTIONS and CORS.
"""

from __future__ import annotations

import json
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from modelship.server.http_contract import (
    JSON,
    NO_METHOD,
    NO_PATH,
    NOT_FAILED,
    HttpAnswer,
    Identities,
    Request,
    error,
    joined,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

__all__ = ["ScoringServer"]

_METHODS = {
    "/": {"GET", "HEAD"},
    "/score": {"GET", "POST"},
    "/swagger.json": {"GET", "HEAD"},
}
_SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "ML service", "version": "1.0"},
    "paths": {"/score": {"post": {"operationId": "RunMLService"}}},
}


class ScoringServer(ThreadingHTTPServer):
    """An HTTP server on a free port of 127.0.0.1, which also serves :meth:`take`'s connections.

    Parameters
    ----------
    score : callable
        Handles a request to ``/score``.
    descriptions : Mapping[str, str]
        The responses of ``/swagger.json``, by version: ``"2"`` or ``"3"``.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        score: Callable[[Request], HttpAnswer],
        *,
        descriptions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.score = score
        self.descriptions = {"2": json.dumps(_SWAGGER)} | dict(descriptions)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket.setblocking(False)

    @property
    def scoring_uri(self) -> str:
        """The URI to send requests to."""
        return f"http://127.0.0.1:{self.server_port}/score"

    def take(self, listener: socket.socket) -> None:
        """Serve one connection to `listener` in its own thread, unless it is gone."""
        with suppress(BlockingIOError, ConnectionError):
            self.process_request(*listener.accept())

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would look up the host name
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing to stderr about a client that disconnected."""


class _Handler(BaseHTTPRequestHandler):
    server: ScoringServer

    def _serve(self) -> None:
        self._send(self._answer(self._read()))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server calls these

    def log_message(self, *_: object) -> None:
        """Write no access log: only the output of the script matters."""

    def _read(self) -> Request:
        url = urlsplit(self.path)
        request = Request()
        request.method, request.path = self.command, url.path
        request.query = url.query.encode("latin-1")
        request.fields = joined(
            [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in self.headers.items()
            ]
        )
        request.identities = Identities(request.fields)
        request.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return request

    def _answer(self, request: Request) -> HttpAnswer:
        if request.path not in _METHODS:
            return error(404, NO_PATH)
        if request.method not in _METHODS[request.path]:
            return error(405, NO_METHOD)
        answer = self._found(request)
        answer.head += request.identities.lines
        return answer

    def _found(self, request: Request) -> HttpAnswer:
        if request.identities.too_long:
            return error(431, request.identities.too_long)
        if request.path == "/score":
            return self.server.score(request)
        if request.path == "/":
            return HttpAnswer(200, b"Healthy", b"content-type: text/html; charset=utf-8\r\n")
        version = parse_qs(request.query.decode("latin-1")).get("version", ["2"])[0]
        known = self.server.descriptions
        return HttpAnswer(200, known.get(version, known["2"]).encode(), JSON + NOT_FAILED)

    def _send(self, answer: HttpAnswer) -> None:
        self.send_response(answer.status)
        for line in answer.head.decode("latin-1").splitlines():
            self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
