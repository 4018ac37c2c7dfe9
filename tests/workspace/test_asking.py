"""A call of an SDK runs in a thread, and its caller may be interrupted."""

import os
import signal
import threading
import time

import pytest

from modelship.workspace import WorkspaceLocation, asking
from modelship.workspace.asking import Asker

LOCATION = WorkspaceLocation("s", "g", "w")


@pytest.fixture(autouse=True)
def as_in_a_terminal():
    """Let Ctrl-C raise what it raises in a program, whatever it does to the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_call_ends_before_its_caller_is_interrupted():
    """What it has made is there, and can be undone."""
    made = []

    def make():
        interrupt()
        time.sleep(0.2)
        made.append(1)

    with pytest.raises(KeyboardInterrupt):
        Asker(LOCATION)("make it", make, timeout_s=60)
    assert made == [1]


@pytest.mark.parametrize("muted", [True, False])
def test_a_call_that_hangs_is_left_after_an_interrupt(monkeypatch, capsys, muted):
    """After some seconds, of which the user is told; at once if it waits for the user anyway."""
    monkeypatch.setattr(asking, "_SILENT_S", 0.0)
    monkeypatch.setattr(asking, "_INTERRUPTED_S", 0.1 if muted else 60)
    is_over = threading.Event()

    def hang():
        interrupt()
        is_over.wait()

    try:
        with pytest.raises(KeyboardInterrupt):
            Asker(LOCATION, muted=muted)("sign in", hang, timeout_s=60)
    finally:
        is_over.set()
    assert ("Ctrl-C again ends at once" in capsys.readouterr().err) == muted
