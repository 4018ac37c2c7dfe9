"""A package instead of Azure ML's server, for tests of what is around it: it starts at once.

It answers as that server does where such tests look: ``/``, ``/score``, a 500 of what run() raises,
and a traceback and an exit of what init() raises, in a worker that ends with it. It ignores all
settings.
"""

from __future__ import annotations

import zipfile
from contextlib import contextmanager

import pytest

_VERSION = "99.0"
_SERVER = """
import ctypes, importlib.util, json, os, signal, socket, sys, traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200 if self.path == "/" else 404, b"Healthy")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.answer(200, json.dumps(script.run(body.decode())).encode())
        except Exception as error:
            traceback.print_exc()
            self.answer(500, str(error).encode())

    def answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")  # as the sync workers of gunicorn do
        self.end_headers()
        self.wfile.write(content)

starter = os.getpid()
worker = os.fork()
if worker:
    signal.signal(signal.SIGTERM, lambda *_: (os.kill(worker, signal.SIGKILL), os._exit(0)))
    os._exit(3 if os.waitpid(worker, 0)[1] else 0)
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
if os.getppid() != starter:
    os._exit(1)
entry_script = sys.argv[sys.argv.index("--entry_script") + 1]
spec = importlib.util.spec_from_file_location("entry_module", os.path.abspath(entry_script))
script = importlib.util.module_from_spec(spec)
sys.path.append(os.path.dirname(os.path.abspath(entry_script)))
spec.loader.exec_module(script)
print("Azure ML's server would log more", flush=True)
script.init()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.daemon_threads = True
server.socket.close()
server.socket = socket.socket(fileno=3)  # systemd's socket activation
server.serve_forever()
"""
_PACKAGES = {
    "azureml_inference_server_http": {"__init__.py": "", "__main__.py": _SERVER},
    "azureml_defaults": {},
}


def write_wheel(folder, name, files):
    """Write a distribution into a folder; the same bytes each time."""
    about = f"{name}-{_VERSION}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {_VERSION}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {f"{name}/{path}": text for path, text in files.items()}
    contents |= {f"{about}/METADATA": metadata, f"{about}/WHEEL": wheel}
    record = "".join(f"{path},,\n" for path in (*contents, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{_VERSION}-py3-none-any.whl", "w") as archive:
        for path, text in {**contents, f"{about}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path), text)


@contextmanager
def only_light_server(folder):
    """Let uv find no other packages within the body."""
    for name, files in _PACKAGES.items():
        write_wheel(folder, name, files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_FIND_LINKS", str(folder))
        patch.setenv("UV_NO_INDEX", "1")
        yield
