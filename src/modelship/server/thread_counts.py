"""Limit the threads of numeric libraries, and count those of a process before it is forked."""

from __future__ import annotations

import os

__all__ = ["bound_threads", "let_threads", "other_threads"]

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def bound_threads() -> bool:
    """Limit libraries to one thread before the fork; False if the user has set a limit."""
    if any(name in os.environ for name in _THREADS):
        return False
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    return True


def let_threads(count: int) -> None:
    """Allow the loaded numeric libraries this many threads."""
    os.environ.update(dict.fromkeys(_THREADS, str(count)))
    if count > 1:
        try:
            from threadpoolctl import threadpool_limits
        except ImportError:  # installed with scikit-learn
            return
        threadpool_limits(count)


def other_threads() -> int:
    """Return the number of threads other than this one."""
    try:
        return len(os.listdir("/proc/self/task")) - 1  # noqa: PTH208 - names are not needed
    except FileNotFoundError:  # not Linux
        import threading

        return threading.active_count() - 1
