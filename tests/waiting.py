"""Wait for what another thread, process or machine does; each wait has a deadline."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

TIMEOUT_S = 60.0  # for what takes a moment: machines are shared and slow


def wait_until(condition, *, timeout_s=TIMEOUT_S, pause_s=0.02, describe=lambda: ""):
    """Return what a function returns once that is true; fail with `describe()` if it never is."""
    end_s = time.monotonic() + timeout_s
    while not (reached := condition()):
        assert time.monotonic() < end_s, f"not within {timeout_s:g} s {describe()}"
        time.sleep(pause_s)
    return reached


@contextmanager
def meanwhile(do, *, once):
    """While the body runs, call a function in another thread as soon as a condition is true."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: wait_until(once) and do())
        yield
        done.result()
