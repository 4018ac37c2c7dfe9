"""Capture the output of one thread, without affecting the other threads."""

from __future__ import annotations

import io
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Log", "captured"]


class Log:
    """A text buffer that several threads append to."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        """Append `text`."""
        self._parts.append(text)
        return len(text)

    @property
    def text(self) -> str:
        """All text written so far."""
        return "".join(self._parts)


class _ByThread(io.TextIOBase):
    """A replacement for ``sys.stdout`` or ``sys.stderr`` with a log for some threads.

    ``contextlib.redirect_stdout`` would redirect the output of every thread, and two overlapping
    redirections would leave the stream of the one that ended first in place.
    """

    def __init__(self, stream_name: str) -> None:
        self._stream_name = stream_name
        self._real: TextIO | None = None
        self._logs: dict[int, Log] = {}
        self._lock = threading.Lock()

    def begin(self, log: Log) -> None:
        with self._lock:
            found = getattr(sys, self._stream_name)
            if not self._logs and found is not self:
                self._real = found
                setattr(sys, self._stream_name, self)
            self._logs[threading.get_ident()] = log

    def end(self) -> None:
        with self._lock:
            del self._logs[threading.get_ident()]
            if not self._logs and getattr(sys, self._stream_name) is self:
                setattr(sys, self._stream_name, self._real)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        log = self._logs.get(threading.get_ident())
        if log is not None:
            return log.write(text)
        return self._real.write(text) if self._real is not None else len(text)

    def flush(self) -> None:
        if self._real is not None and not self._real.closed:
            self._real.flush()


_STREAMS = (_ByThread("stdout"), _ByThread("stderr"))


@contextmanager
def captured(log: Log) -> Iterator[None]:
    """Redirect the output of the calling thread to `log` within the body."""
    for stream in _STREAMS:
        stream.begin(log)
    try:
        yield
    finally:
        for stream in _STREAMS:
            stream.end()
