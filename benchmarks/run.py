"""How much modelship adds to what it stands on, as ratios within one run.

::

    python benchmarks/run.py                 every measure
    python benchmarks/run.py import http     some
    python benchmarks/run.py --smoke         once each, small, to see that they still run

The machines that run this are shared, so each measure interleaves modelship with the bare thing
that it is compared with, and reports the ratio of their medians.
"""

import argparse
import contextlib
import functools
import gzip
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SERVER = "azureml_inference_server_http"
START_TIMEOUT_S = 90
SCORE = """\
import json, os, joblib, numpy as np
def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "digits.joblib"))
def run(raw_data):
    return model.predict(np.array(json.loads(raw_data)["data"])).tolist()
"""


@dataclass(frozen=True)
class Measure:
    """What modelship took, what the bare thing took, and how often both were run; in seconds."""

    name: str
    ours_s: list[float]
    bare_s: list[float]
    bare_name: str

    def __str__(self):
        ours, bare = statistics.median(self.ours_s), statistics.median(self.bare_s)
        spread = f"{min(self.ours_s):.3f} to {max(self.ours_s):.3f}"
        return (
            f"{self.name:<44} {ours:8.3f} s ({spread}), {self.bare_name} {bare:.3f} s: "
            f"ratio {ours / bare:.2f}, difference {ours - bare:+.3f} s  (n={len(self.ours_s)})"
        )


def timed(work, *arguments):
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def interleave(ours, bare, *, times):
    """Run both in turn; return the seconds of each run of each."""
    pairs = [(timed(ours), timed(bare)) for _ in range(times)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@functools.cache
def digits_classifier():
    """Return a classifier of digits, which is fitted once, and rows of 784 numbers to score."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    digits, y = load_digits(return_X_y=True)
    X = np.tile(digits, 13)[:, :784] / 16.0
    return LogisticRegression(max_iter=1000).fit(X, y), X


def digits_bundle(folder, *, comment="", python=None):
    """Return a bundle around a classifier of digits, and rows of 784 numbers to score."""
    import modelship as ms

    classifier, X = digits_classifier()
    model = ms.ModelSource.open(classifier, name="digits").fetch(folder)
    script = Path(folder, "score.py")
    script.write_text(f"{SCORE}# {comment}\n")
    environment = ms.Environment.for_model(model)
    if python:
        environment = ms.Environment(
            python=python, requirements=environment.requirements, origin="benchmark"
        )
    return ms.ScoringBundle(model, entry_script=script, environment=environment), X


def mnist_rows(digits):
    """Return 10,000 rows of 784 numbers: MNIST's test images, or digits where MNIST is not."""
    if folder := os.environ.get("MODELSHIP_MNIST_DIR"):
        content = gzip.decompress(Path(folder, "t10k-images-idx3-ubyte.gz").read_bytes())
        return np.frombuffer(content, dtype=np.uint8, offset=16).reshape(-1, 784) / 255.0
    return np.resize(digits, (10_000, 784))


def measure_import(*, smoke):
    """A Python that imports modelship, against one that does nothing."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def start(code):
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)

    start("import modelship")  # compiles the bytecode
    ours, bare = interleave(
        lambda: start("import modelship"), lambda: start("pass"), times=2 if smoke else 30
    )
    yield Measure("import modelship", ours, bare, "bare python")


@contextlib.contextmanager
def bare_server(python, app, model_dir):
    """Start Azure ML's server as a person would; yield when it answers, and end it."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    command = [python, "-m", SERVER, "--entry_script", "score.py", "--port", str(port)]
    environ = {
        "PATH": os.environ["PATH"],
        "AZUREML_MODEL_DIR": str(model_dir),
        "AML_APP_ROOT": str(app),
    }
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, cwd=app, env=environ, stdout=log, stderr=log) as server,
    ):
        try:
            wait_for_answer(server, f"http://127.0.0.1:{port}/", log=log)
            yield
        finally:
            end(server)


def wait_for_answer(server, url, *, log):
    """Wait until `url` is answered; if it never is, say what the server wrote."""
    import requests

    deadline = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        # In a new environment the first import takes long: it accepts, and does not answer yet.
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        time.sleep(0.02)
    log.seek(0)
    code = server.poll()
    what = "did not answer in time" if code is None else f"ended with exit code {code}"
    raise SystemExit(f"the bare server {what}; its log:\n{log.read()}")


def end(server):
    """End a server, asked first."""
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()


def measure_process(*, smoke):
    """deploy() to `process` with a warm environment, against the server's own bare start."""
    import modelship as ms
    from modelship.bundle.store import stage
    from modelship.runtime.environments import environment_python

    with tempfile.TemporaryDirectory() as folder:
        bundle, _ = digits_bundle(folder)
        python = environment_python(bundle.lock, timeout_s=300)
        app = Path(folder, "app")
        stage(bundle, app)
        target = ms.DeployTarget.open("process")

        def ours(stack):
            deployed = target.deploy(bundle, name="benchmark", show_output=False)
            stack.enter_context(deployed)

        def bare(stack):
            model_dir = app / "azureml-models" / "digits" / "1"
            stack.enter_context(bare_server(python, app, model_dir))

        ours_s, bare_s = [], []
        for _ in range(1 if smoke else 7):
            for start, took_s in ((bare, bare_s), (ours, ours_s)):
                with contextlib.ExitStack() as stack:
                    took_s.append(timed(start, stack))
    yield Measure("deploy to process, warm", ours_s, bare_s, "bare server start")


def measure_docker(*, smoke):
    """The image after a change of score.py alone, against a bare build that copies one file."""
    import docker

    from modelship.targets import Instance, Release, Steps
    from modelship.targets.docker import DockerBackend

    image = os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim")
    backend = DockerBackend(base_image=image)
    client = docker.from_env()
    bare_images = []

    def bare():
        bare_images.append(client.images.build(path=folder, rm=True)[0])

    with tempfile.TemporaryDirectory() as folder:
        first, _ = digits_bundle(folder, comment="first", python="3.11")
        backend.prepare(Release(first), Steps("benchmark", timeout_s=600))
        ours_s, bare_s, built = [], [], [first]
        for turn in range(1 if smoke else 7):
            bundle, _ = digits_bundle(folder, comment=f"{turn} {time.time()}", python="3.11")
            built.append(bundle)
            assert bundle.digest  # resolves the lock, which is not the image's time
            ours_s.append(
                timed(backend.prepare, Release(bundle), Steps("benchmark", timeout_s=600))
            )
            Path(folder, "Dockerfile").write_text(f"FROM {image}\nCOPY score.py /score.py\n")
            bare_s.append(timed(bare))
        for each in bare_images:
            client.images.remove(each.id)
        for bundle in built:
            backend.stop(Instance.draft(Release(bundle), name="benchmark"))
    client.close()
    yield Measure(
        "docker image after a change of score.py", ours_s, bare_s, "bare build of one COPY"
    )


def measure_http(*, smoke):
    """Evaluating a test set over HTTP, against a bare loop of requests in equal batches."""
    import requests

    import modelship as ms

    with tempfile.TemporaryDirectory() as folder:
        bundle, digits = digits_bundle(folder)
        rows = mnist_rows(digits)[: 500 if smoke else None]
        y = np.zeros(len(rows), dtype=int)
        with ms.DeployTarget.open("process").deploy(
            bundle, name="benchmark", show_output=False
        ) as deployment:
            session = requests.Session()

            def ours():
                ms.Evaluator(rows, y, batch_size=500, progress=False).evaluate(deployment)

            def bare():
                for start in range(0, len(rows), 500):
                    batch = {"data": rows[start : start + 500].tolist()}
                    session.post(deployment.scoring_uri, json=batch, timeout=60).json()

            ours_s, bare_s = interleave(ours, bare, times=1 if smoke else 7)
            session.close()
    yield Measure(f"evaluate {len(rows)} rows over HTTP", ours_s, bare_s, "bare requests loop")


MEASURES = {
    "import": measure_import,
    "process": measure_process,
    "docker": measure_docker,
    "http": measure_http,
}


def main():
    """Run the measures that were asked for, and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], help="all if none is given")
    parser.add_argument("--smoke", action="store_true", help="once each, small")
    arguments = parser.parse_args()
    names = arguments.names or [n for n in MEASURES if n != "docker" or docker_is_wanted()]
    for name in names:
        for measure in MEASURES[name](smoke=arguments.smoke):
            print(measure, flush=True)


def docker_is_wanted():
    """Docker is measured where the tests demand it, or where it is asked for by name."""
    return bool(os.environ.get("MODELSHIP_REQUIRE_DOCKER"))


if __name__ == "__main__":
    main()
