"""What all tests share: settings of hypothesis, real data, a folder for services, an engine."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import os
import shutil
import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from forked_routers import forking_routers
from modelship.bundle import Environment
from modelship.bundle.remembered import todays_lock
from modelship.testing.contract_fixtures import ContractFixtures

# Azure ML's SDK reads these on import: it tries again once, and at once.
os.environ.setdefault("AZUREML_DEFAULT_RETRIES", "1")
for which in ("", "_500", "_503"):
    os.environ.setdefault(f"AZUREML_DEFAULT{which}_BACKOFF", "0")

# A slow machine is no failure, and the gate sees the same examples each time. The long run asks for
# more of them (hypothesis's own number) of the tests that the gate asks for 15.
steady = {"deadline": None, "derandomize": "CI" in os.environ}
hypothesis.settings.register_profile("steady", max_examples=15, **steady)
hypothesis.settings.register_profile("long", **steady)
hypothesis.settings.register_profile("thorough", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_configure():
    """Let Ctrl-C arrive, also in the programs that tests start.

    A shell lets what it runs in the background ignore it, and with it all that this starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item):
    """Mark as long the clauses that a class of a contract lists in ``long_clauses``.

    It gives how their names begin, such as ``"t10"``. What is the same for all places is
    checked with the target process in the gate.
    """
    if item.name.removeprefix("test_").startswith(getattr(item.cls, "long_clauses", ())):
        item.add_marker("long")


@pytest.fixture(scope="session")
def mnist_dir():
    """Find the folder with the four MNIST files and the tutorial's model."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "mnist"
    folder = Path(os.environ.get("MODELSHIP_MNIST_DIR", beside))
    if not folder.is_dir():
        pytest.skip("MODELSHIP_MNIST_DIR names no folder with MNIST")
    return folder


@pytest.fixture(scope="session")
def mnist_test_set(mnist_dir):
    """Read X of shape (10000, 784) between 0 and 1, and y of shape (10000,)."""
    images = _read_idx(mnist_dir / "t10k-images-idx3-ubyte.gz")
    return images.reshape(len(images), -1) / 255.0, _read_idx(
        mnist_dir / "t10k-labels-idx1-ubyte.gz"
    )


@pytest.fixture(scope="module")
def forked_routers():
    """Start routers as forks; test_rollouts_process.py starts one as users do."""
    with forking_routers():
        yield


@pytest.fixture(scope="session")
def bare_lock():
    """Return the lock of the inference server alone, for this Python; resolved once a session."""
    return todays_lock(Environment(python=ContractFixtures.python, requirements=()))


@pytest.fixture(scope="session")
def docker_engine(machine):
    """Skip, or fail if MODELSHIP_REQUIRE_DOCKER is 1, where no Docker engine answers."""
    import docker

    try:
        with contextlib.closing(docker.from_env(timeout=10)) as client:
            client.ping()
    except docker.errors.DockerException as error:
        if os.environ.get("MODELSHIP_REQUIRE_DOCKER") == "1":
            pytest.fail(f"MODELSHIP_REQUIRE_DOCKER is 1, but no Docker engine answers: {error}")
        pytest.skip("no Docker engine answers")


@pytest.fixture(scope="session")
def docker_base_image(docker_engine):
    """Return the name of an image with Python 3.11."""
    return os.environ.get("MODELSHIP_TEST_BASE_IMAGE", "python:3.11-slim")


@pytest.fixture(scope="module")
def browser(machine):
    """Start Chromium; skip, or fail if MODELSHIP_REQUIRE_BROWSER is 1, where there is none.

    Playwright keeps an event loop running in this thread: later modules cannot have it around.
    """
    executable = os.environ.get("MODELSHIP_CHROMIUM") or _chromium()
    if not executable or importlib.util.find_spec("playwright") is None:
        reason = "needs Debian's chromium-headless-shell and the Python package playwright"
        if os.environ.get("MODELSHIP_REQUIRE_BROWSER") == "1":
            pytest.fail(f"MODELSHIP_REQUIRE_BROWSER is 1, but this {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable)
        yield started
        started.close()


def _chromium():
    """Return the path of the one without windows, which starts faster, or else of the whole one."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.fixture
def screenshot(tmp_path):
    """Return a function that compares the top of a page with its picture in the documentation.

    With ``MODELSHIP_SCREENSHOTS=1`` the page becomes the picture.
    """

    def taken(page, name, *, height):
        shown = Path(__file__).parents[1] / name
        replaces = os.environ.get("MODELSHIP_SCREENSHOTS") == "1"
        taken = shown if replaces else tmp_path / "page.png"
        clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height}
        page.screenshot(path=taken, full_page=True, clip=clip)
        assert _difference(taken, shown) < _MOST_DIFFERENCE, (
            f"{name} shows the page no more: run these tests with MODELSHIP_SCREENSHOTS=1"
        )

    return taken


# Of 255 brightnesses, in the mean of coarse pictures: fonts and ports differ less, layouts more.
_MOST_DIFFERENCE = 4


def _difference(one, other):
    """Return how much two pictures differ, whatever their sizes."""
    from PIL import Image

    coarse = [Image.open(each).convert("L").resize((48, 32)) for each in (one, other)]
    first, second = (np.asarray(each, dtype=float) for each in coarse)
    return np.abs(first - second).mean()


def _read_idx(path):
    """Read one array of the IDX format; http://yann.lecun.com/exdb/mnist describes it."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)
