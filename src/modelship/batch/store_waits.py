"""Say on stderr what a job waits for, if a store does not answer."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from modelship.progress import write_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["answering", "say_wait", "showing_waits"]

_FIRST_S: Final = 10.0
_UNDER_WAY: dict[object, tuple[str, float]] = {}
_SHOWN: set[object] = set()


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Note that the body waits for the answer of a store, in any thread of this process."""
    key = object()
    _UNDER_WAY[key] = (url, time.monotonic())
    try:
        yield
    finally:
        del _UNDER_WAY[key]


@contextmanager
def showing_waits(*, shown: bool = True, first_s: float = _FIRST_S) -> Iterator[None]:
    """Say what is waited for while the body runs: after 10, 20, 40 … s without an answer.

    Parameters
    ----------
    shown : bool
        Whether to say it at all.
    first_s : float
        Seconds until it is said first.
    """
    if not shown:
        yield
        return
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(ended, first_s), daemon=True)
    looking.start()
    _SHOWN.add(ended)
    try:
        yield
    finally:
        _SHOWN.discard(ended)
        ended.set()
        looking.join()


def say_wait(line: str) -> None:
    """Say what is waited for at once, if waits are shown."""
    if _SHOWN:
        write_line(line)


def _look(ended: threading.Event, first_s: float) -> None:
    next_s = first_s
    while not ended.wait(first_s / 10):
        url, waited_s = _longest()
        if waited_s < first_s:
            next_s = first_s
        elif waited_s >= next_s:
            write_line(f"waiting for {url}: no answer for {waited_s:.0f} s")
            next_s *= 2


def _longest() -> tuple[str, float]:
    """Return the URL with the longest wait, and its seconds."""
    url, since_s = min(
        list(_UNDER_WAY.values()), key=lambda each: each[1], default=("", time.monotonic())
    )
    return url, time.monotonic() - since_s
