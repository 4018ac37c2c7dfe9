"""Run a scoring service on a loopback port, with the routes of Azure ML's server.

Kept are the health route, ``POST /score`` for an undecorated ``run()``, the header fields that
identify a request, the error answers, and the descriptions that lie beside the script. Left out
are ``GET /score``, ``@rawhttp``, ``@input_schema``, OPTIONS and CORS.
"""

from __future__ import annotations

import json
import time
import traceback
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from email.message import Message

    from modelship.testing.thread_output import Log

__all__ = ["ScoringServer"]

_FAILED = "x-ms-run-function-failed"
_LONGEST_ID = 100
_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered the URL manually please check "
    "your spelling and try again."
)
_NOT_ALLOWED = "The method is not allowed for the requested URL."
_RUN_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
_INTERNAL = "An unexpected internal error occurred. Check the logs for more info."


class ScoringServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1, and answers what :meth:`take` takes, there or elsewhere.

    Parameters
    ----------
    run : callable
        Takes the body as str and the header fields; returns a JSON value.
    log : Log
        Takes the tracebacks of `run`.
    descriptions : Mapping[str, str]
        What ``/swagger.json`` answers, by version: ``"2"`` or ``"3"``.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        run: Callable[[str, Mapping[str, str]], object],
        *,
        log: Log,
        descriptions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.run = run
        self.log = log
        self.descriptions = descriptions
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket.setblocking(False)

    @property
    def scoring_uri(self) -> str:
        """Where requests go."""
        return f"http://127.0.0.1:{self.server_port}/score"

    def take(self, listener: socket.socket) -> None:
        """Answer one connection to `listener`, in a thread of its own, unless it is gone."""
        with suppress(BlockingIOError, ConnectionError):
            self.process_request(*listener.accept())

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would ask the name service for our name
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing on stderr about a client that went away."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @classmethod
    def error(cls, status: int, message: str, *, failed: bool = False) -> _Answer:
        return cls(status, json.dumps({"message": message}), {_FAILED: str(failed)})


_METHODS = {
    "/": {"GET", "HEAD"},
    "/score": {"POST"},
    "/swagger.json": {"GET", "HEAD"},
}
_SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "ML service", "version": "1.0"},
    "paths": {"/score": {"post": {"operationId": "RunMLService"}}},
}
_FIXED = {
    "/": _Answer(200, "Healthy", content_type="text/html; charset=utf-8"),
    "/swagger.json": _Answer(200, json.dumps(_SWAGGER), {_FAILED: "False"}),
}


class _Handler(BaseHTTPRequestHandler):
    server: ScoringServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self._send(
            self._answer(url.path, body, version=parse_qs(url.query).get("version", ["2"])[0])
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server calls these

    def log_message(self, *_: object) -> None:
        """Write no access log: only what the script says is of interest."""

    def _answer(self, path: str, body: bytes, *, version: str) -> _Answer:
        if path not in _METHODS:
            return _Answer.error(404, _NOT_FOUND)
        if self.command not in _METHODS[path]:
            return _Answer.error(405, _NOT_ALLOWED)
        ids = _identify(self.headers)
        if isinstance(ids, _Answer):
            return ids
        answer = self._run(body) if path == "/score" else _FIXED[path]
        if path == "/swagger.json" and version in self.server.descriptions:
            answer = replace(answer, body=self.server.descriptions[version])
        return replace(answer, headers={**answer.headers, **ids})

    def _run(self, body: bytes) -> _Answer:
        try:
            raw_data = body.decode("utf-8")
        except UnicodeDecodeError as error:
            return _Answer.error(400, f"Input cannot be decoded as UTF-8: {error}")
        started = time.perf_counter()
        try:
            result = self.server.run(raw_data, dict(self.headers))
        except BaseException:  # noqa: BLE001 - whatever a script raises fails one request only
            self.server.log.write(f"Encountered Exception: {traceback.format_exc()}")
            return _Answer.error(500, _RUN_FAILED, failed=True)
        elapsed_ms = (time.perf_counter() - started) * 1e3
        try:
            text = json.dumps({} if result is None else result)
        except (TypeError, ValueError, RecursionError):
            self.server.log.write(f"Encountered Exception: {traceback.format_exc()}")
            return _Answer.error(500, _INTERNAL)
        return _Answer(200, text, {_FAILED: "False", "x-ms-run-fn-exec-ms": f"{elapsed_ms:.3f}"})

    def _send(self, answer: _Answer) -> None:
        content = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _identify(headers: Message) -> dict[str, str] | _Answer:
    """Return the header fields that identify the request, or the answer that refuses them."""
    request_id = headers.get("x-request-id", "") or str(uuid.uuid4())
    legacy_id = headers.get("x-ms-request-id", "")
    client_id = headers.get("x-ms-client-request-id", "") or legacy_id
    if len(request_id) > _LONGEST_ID:
        return _Answer.error(431, f"x-request-id must not exceed {_LONGEST_ID} characters")
    if max(len(legacy_id), len(client_id)) > _LONGEST_ID:
        return _Answer.error(
            431,
            f"x-ms-request-id and x-ms-client-request-id must not exceed {_LONGEST_ID} characters",
        )
    ids = {"x-request-id": request_id, "x-ms-request-id": legacy_id or client_id or request_id}
    optional = {"x-ms-client-request-id": client_id, "TraceId": headers.get("TraceId", "")}
    return ids | {name: value for name, value in optional.items() if value}
