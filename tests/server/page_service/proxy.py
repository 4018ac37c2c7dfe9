"""A proxy that serves a service below a path prefix, as a gateway does."""

from __future__ import annotations

import functools
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["proxy"]


@contextmanager
def proxy(target, *, prefix):
    """Yield the address of a proxy that serves a service below a prefix."""
    handler = functools.partial(_Handler, target=target, prefix=prefix)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Hands requests below a prefix over to a service, without the prefix."""

    def __init__(self, *args, target, prefix):
        self._target, self._prefix = target, prefix
        super().__init__(*args)

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        asked = urllib.request.Request(
            self._target + self.path.removeprefix(self._prefix),
            data=self.rfile.read(length) if length else None,
            headers={"Content-Type": self.headers.get("Content-Type", "text/plain")},
        )
        try:
            answer = urllib.request.urlopen(asked, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the standard library names it so

    def log_message(self, *args):
        """Say nothing."""
