"""A small lock, and a package index that asks for a password."""

import base64
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tiny_wheels import PASSWORD, USER, make_wheel

from modelship.bundle.environment import Environment
from modelship.bundle.remembered import todays_lock


class _Private(SimpleHTTPRequestHandler):
    def do_GET(self):
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {token}":
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *arguments):
        """Keep quiet."""


@pytest.fixture(scope="session")
def small_lock():
    """The lock of an environment with one package of its own, for the running Python."""
    return todays_lock(
        Environment(f"{sys.version_info[0]}.{sys.version_info[1]}", ("six==1.17.0",))
    )


@pytest.fixture
def wheels(tmp_path):
    """An empty folder for wheels."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


@pytest.fixture
def private_index(tmp_path):
    """Serve the package tinywheel 1.0 to those who know the password; yields (host, wheel)."""
    folder = tmp_path / "private" / "simple" / "tinywheel"
    folder.mkdir(parents=True)
    wheel = make_wheel(folder)
    handler = partial(_Private, directory=str(tmp_path / "private"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", wheel
        server.shutdown()
        thread.join()


@pytest.fixture
def pip_config(tmp_path, monkeypatch):
    """Return a function that makes pip's configuration consist of one file."""
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)

    def write(text):
        path = tmp_path / "pip.conf"
        path.write_text(text)
        monkeypatch.setenv("PIP_CONFIG_FILE", str(path))
        return path

    return write
