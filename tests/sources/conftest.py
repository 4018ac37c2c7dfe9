"""Real models, a folder of real data, and a real HTTP server that misbehaves on request."""

from __future__ import annotations

import pickle
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelship.bundle.generated import generate_source


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def estimators(iris):
    """A linear model, a pipeline, and a forest whose classes are texts."""
    X, y = iris
    names = [("setosa", "versicolor", "virginica")[label] for label in y]
    return {
        "linear": LogisticRegression(max_iter=2000).fit(X, y),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        "forest": RandomForestClassifier(3, random_state=0).fit(X, names),
    }


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that writes the script of a model, and returns its names once it has started."""

    def start(model, **options):
        for file in generate_source([model], schema=model.schema, **options)[1]:
            (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file.path).write_bytes(file.content)
        monkeypatch.setenv("AZUREML_MODEL_DIR", str(model.root))
        monkeypatch.syspath_prepend(tmp_path)
        script = {"__file__": str(tmp_path / "score.py")}
        exec((tmp_path / "score.py").read_text(), script)
        script["init"]()
        return script

    yield start
    for module in [each for each in sys.modules if each.startswith("modelship_tables")]:
        del sys.modules[module]


@pytest.fixture(scope="session")
def linear(estimators):
    return estimators["linear"]


class _Handler(BaseHTTPRequestHandler):
    """Answers as the first segment of the path says; see `served`."""

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        behavior = self.path.partition("?")[0].split("/")[1]
        getattr(self, f"answer_{behavior}")(self.server.content)

    def answer_whole(self, content: bytes) -> None:
        self.begin(200, {"Content-Length": str(len(content))})
        self.wfile.write(content)

    def answer_chunked(self, content: bytes) -> None:
        self.begin(200, {"Transfer-Encoding": "chunked"})
        for piece in (content[:100], content[100:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def answer_short(self, content: bytes) -> None:
        self.begin(200, {"Content-Length": str(len(content) + 10)})
        self.wfile.write(content)

    def answer_missing(self, content: bytes) -> None:
        self.begin(404, {"Content-Length": "0"})

    def answer_moved(self, content: bytes) -> None:
        self.begin(302, {"Location": "/whole/elsewhere.bin", "Content-Length": "0"})

    def answer_loop(self, content: bytes) -> None:
        self.begin(302, {"Location": self.path, "Content-Length": "0"})

    def answer_dropped(self, content: bytes) -> None:
        self.close_connection = True

    def answer_page(self, content: bytes) -> None:
        self.begin(200, {})
        self.wfile.write(b"\n<!DOCTYPE html><title>Sign in</title>")

    def answer_slow(self, content: bytes) -> None:
        self.begin(200, {"Content-Length": str(len(content))})
        for byte in content:
            if self.server.stopping.wait(0.05):
                return
            self.wfile.write(bytes([byte]))

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()

    def log_message(self, *args) -> None:
        """Say nothing."""


@pytest.fixture
def served(linear):
    """A server whose paths begin with how it answers, such as ``/short/model.pkl``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.content = pickle.dumps(linear)
    server.paths = []
    server.stopping = threading.Event()
    server.handle_error = lambda *args: None  # a client that hangs up is what some tests want
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()
