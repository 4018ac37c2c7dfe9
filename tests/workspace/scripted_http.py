"""A server on this machine that gives scripted replies, and lists what it was asked."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def scripted(*replies):
    """Serve these replies, each (status, headers, document or bytes).

    Yields the URL, the calls, and the list of the replies that are left. The length of a reply is
    that of its body, unless its headers say another.
    """
    left, asked = list(replies), []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def _reply(self):
            size = int(self.headers.get("Content-Length", 0))
            asked.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
            status, headers, document = left.pop(0)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = _reply  # noqa: N815 - the base class's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked, left
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
