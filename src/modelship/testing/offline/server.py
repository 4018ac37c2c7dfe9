"""A web server on 127.0.0.1 in threads of this process, plain or with TLS, that can be closed."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler

from modelship.testing.offline.data.account import FIELDS
from modelship.testing.offline.offline_app import DROP
from modelship.testing.offline.peers import is_another_users

if TYPE_CHECKING:
    import ssl
    from wsgiref.types import WSGIApplication, WSGIEnvironment

__all__ = ["Server", "listen"]

_HOST = "127.0.0.1"
_BACKLOG = 128
_GRACE_S = 5.0
_QUIET_S = 60.0
_MOST_OPEN = 256
_log = logging.getLogger(__name__)


def listen(port: int | None = None) -> socket.socket:
    """Return a listening socket on 127.0.0.1, on this port, or on another if it is taken."""
    if port:
        with contextlib.suppress(OSError):
            return socket.create_server((_HOST, port), backlog=_BACKLOG)
    return socket.create_server((_HOST, 0), backlog=_BACKLOG)


class Server:
    """Serves a WSGI application until it is closed.

    Parameters
    ----------
    app : WSGIApplication
        The key ``modelship.drop`` of its WSGI environment has a callable that closes the connection
        without a response.
    listener : socket
        The listening socket, from :func:`listen`; the server closes it.
    tls : ssl.SSLContext, optional
        The TLS context.
    """

    def __init__(
        self, app: WSGIApplication, *, listener: socket.socket, tls: ssl.SSLContext | None = None
    ) -> None:
        with listener:
            self._server = _WSGIServer(app, listener=listener, tls=tls)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="offline-workspace", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, close all connections, and wait a few seconds for the threads."""
        self._server.shutdown()
        self._thread.join(_GRACE_S)
        self._server.end_connections()


class _WSGIServer(ThreadedWSGIServer):
    def __init__(
        self, app: WSGIApplication, *, listener: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        super().__init__(_HOST, 0, app, _Handler, fd=listener.fileno())
        # Passed to the constructor, it would do the handshake in the accepting thread, which one
        # silent client could then block.
        self.ssl_context = tls

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - socketserver's
        if is_another_users(request):
            return False
        with self._lock:
            oldest = next(iter(self._open.values())) if len(self._open) >= _MOST_OPEN else None
        if oldest is not None:  # clients that send slowly, or nothing, do not block others
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        return True

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._serve,
            args=(request, client_address),
            name="offline-workspace-request",
            daemon=True,
        )
        with self._lock:
            self._open[thread] = request
        thread.start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._open[threading.current_thread()]

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_QUIET_S)
        if self.ssl_context is None:
            super().finish_request(request, client_address)
            return
        with self.ssl_context.wrap_socket(request, server_side=True) as secure:
            with self._lock:
                self._open[threading.current_thread()] = secure
            super().finish_request(secure, client_address)
            self.shutdown_request(secure)

    def end_connections(self) -> None:
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _GRACE_S
        for thread in still_open:
            thread.join(max(0.0, deadline - time.monotonic()))

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        # Called when the application itself fails, which is a bug of ours.
        _log.log(logging.ERROR if type == "error" else logging.DEBUG, message, *args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing to stderr about a client that disconnected, or did not speak TLS."""


class _Whole(io.BufferedIOBase):
    """The input from a client; a read that gets less than requested is an error.

    werkzeug writes a truncated chunk into its buffer as if it were complete, which shrinks the
    buffer, and some releases of Python then read beyond its end.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        found = self._stream.read(size)
        if size is not None and len(found) < size:
            raise ClientDisconnected
        return found

    def readline(self, size: int | None = -1) -> bytes:
        return self._stream.readline(size)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _QUIET_S

    def make_environ(self) -> WSGIEnvironment:
        fields = {name.lower(): value for name, value in self.headers.items() if "_" in name}
        environ = super().make_environ() | {DROP: self._drop, FIELDS: fields}
        if isinstance(environ["wsgi.input"], DechunkedInput):
            environ["wsgi.input"] = DechunkedInput(_Whole(self.rfile))  # type: ignore[arg-type]  # it only reads
        return environ

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log(self, *_: Any) -> None:
        """Write no access log."""

    def log_request(self, *_: Any) -> None:
        """Write no access log."""
