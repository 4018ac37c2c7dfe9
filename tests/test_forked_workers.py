"""Tests that run in forks of the process that has read them are reported as without forks."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import wait_until

SHARED = """\
import os
from pathlib import Path

import pytest

@pytest.fixture(scope="session")
def shared():
    yield
    Path(f"ended-by-{os.getppid()}-{os.getpid()}").touch()
"""
DYING = """\
import os
import time
import warnings
from pathlib import Path

def test_passes(shared, tmp_path):
    # The other worker has the other file.
    while not Path("others-begun").exists():
        time.sleep(0.01)
    warnings.warn("said once", UserWarning)

def test_fails():
    print("printed before")
    assert os.getpid() == 0

def test_exits():
    os._exit(0)

def test_is_killed():
    os.kill(os.getpid(), 9)

def test_comes_after(shared):
    pass
"""
OTHERS = """\
import os
from pathlib import Path

import pytest

IN = os.getpid()

@pytest.fixture(scope="session")
def ends_badly():
    yield
    raise ValueError("after all")

def test_is_a_fork(shared, ends_badly):
    Path("others-begun").touch()
    assert os.getpid() != IN

@pytest.mark.xfail
def test_is_expected_to_fail():
    assert not IN
"""


def lay(folder, **files):
    """Write files of tests, which share a fixture."""
    (folder / "conftest.py").write_text(SHARED)
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)


def forked(folder):
    """Start pytest with two forks in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "forked_workers", "--forks", "2", "-v", "-rA"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return what pytest says of tests of which two end their worker."""
    folder = tmp_path_factory.mktemp("forked")
    lay(folder, test_dying=DYING, test_others=OTHERS)
    with forked(folder) as process:
        output = process.communicate(timeout=120)[0]
    return folder, output


@pytest.mark.parametrize(
    "line",
    [
        "PASSED test_dying.py::test_passes",
        "FAILED test_dying.py::test_fails - ",
        "FAILED test_dying.py::test_exits - the worker gw",
        "FAILED test_dying.py::test_is_killed - the worker gw",
        "PASSED test_dying.py::test_comes_after",
        "PASSED test_others.py::test_is_a_fork",
        "XFAIL test_others.py::test_is_expected_to_fail",
        " share - ValueError: after all",
        "Captured stdout call",
        "3 failed, 3 passed, 1 xfailed, 1 warning, 1 error",
    ],
)
def test_each_test_is_reported_once(said, line):
    """A test that ends its worker fails by its name, and those after it run in another."""
    assert said[1].count(line) == 1, said[1]


def test_what_a_session_shares_ends_with_each_worker(said):
    """Both workers that came to an end have ended their fixtures, and not the one that read."""
    ended = [each.name for each in said[0].glob("ended-by-*")]
    assert len(ended) == 2, said[1]


def test_an_interrupt_ends_what_workers_share(tmp_path):
    """After SIGINT to the process that started them, workers end their fixtures and are gone."""
    waits = "import time\n\ndef test(shared):\n    open('begun', 'w').close()\n    time.sleep(60)\n"
    lay(tmp_path, test_waits=waits)
    with forked(tmp_path) as process:
        wait_until(lambda: (tmp_path / "begun").exists() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert len(list(tmp_path.glob("ended-by-*"))) == 1, output


INTERRUPTED = """
import signal

os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
"""


def test_an_interrupt_at_once_ends_the_worker_too(tmp_path):
    """SIGINT that comes while a worker is forked reaches it, before or after its first test."""
    lay(tmp_path, test_waits="import time\n\ndef test():\n    time.sleep(600)\n")
    with (tmp_path / "conftest.py").open("a") as file:
        file.write(INTERRUPTED)
    with forked(tmp_path) as process:
        output = process.communicate(timeout=120)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "Traceback" not in output
