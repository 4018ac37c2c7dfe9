"""A registry of images on loopback, as far as a push and a pull need it (OCI distribution spec)."""

import hashlib
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class ImageRegistry(ThreadingHTTPServer):
    """Keeps blobs and manifests in memory; ``refuses`` is the status of each upload instead."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs, self.manifests, self.uploads = {}, {}, {}
        self.refuses = 0

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/v2/":
            return self.reply(200)
        kept = self.server.manifests if "/manifests/" in path else self.server.blobs
        found = kept.get(path.rpartition("/")[2])
        if found is None:
            return self.reply(404)
        kind = MANIFEST if "/manifests/" in path else "application/octet-stream"
        digest = f"sha256:{hashlib.sha256(found).hexdigest()}"
        fields = {"Content-Type": kind, "Docker-Content-Digest": digest}
        return self.reply(200, found, fields)

    do_HEAD = do_GET  # noqa: N815 - http.server calls it

    def do_POST(self):
        if self.server.refuses:
            return self.reply(self.server.refuses)
        upload = uuid.uuid4().hex
        self.server.uploads[upload] = b""
        return self.reply(202, fields={"Location": f"{self.path.partition('?')[0]}{upload}"})

    def do_PATCH(self):
        upload = self.path.partition("?")[0].rpartition("/")[2]
        self.server.uploads[upload] += self.body()
        received = f"0-{len(self.server.uploads[upload]) - 1}"
        return self.reply(202, fields={"Location": self.path, "Range": received})

    def do_PUT(self):
        path, _, query = self.path.partition("?")
        name, content = path.rpartition("/")[2], self.body()
        if "/manifests/" in path:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self.server.manifests[name] = self.server.manifests[digest] = content
            return self.reply(201, fields={"Docker-Content-Digest": digest})
        digest = re.search(r"digest=(sha256(?::|%3A)\w+)", query)[1].replace("%3A", ":")
        self.server.blobs[digest] = self.server.uploads.pop(name) + content
        return self.reply(201, fields={"Docker-Content-Digest": digest})

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def reply(self, status, content=b"", fields=None):
        self.send_response(status)
        for name, value in (fields or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""
