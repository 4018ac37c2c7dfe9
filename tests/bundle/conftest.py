"""Tiny wheels, and a package index that asks for a password."""

import base64
import hashlib
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

USER, PASSWORD = "harbor-master", "s3cret-passphrase"


def make_wheel(folder, name="tinywheel", version="1.0", *, tag="py3-none-any", needs=()):
    """Write a wheel of one module and one script into `folder`, and return its path."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n\n\ndef main():\n    print(VERSION)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            # A fixed time, so that the same wheel always has the same digest.
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def locked(wheel, name="tinywheel", version="1.0"):
    """Return the text of a lock that holds one wheel."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


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
