"""Silence the output, logs and warnings of a vendor's SDK in one thread."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet"]

_LOGGERS = ("azureml", "azure", "msrest", "msrestazure", "msal", "urllib3.connectionpool")

_muted: set[int] = set()
_lock = threading.Lock()
_before: dict[str, Any] = {}


class _Screen:
    """A stream that drops the output of muted threads."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() in _muted else self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Handler(logging.Handler):
    """Replaces the parent loggers' handlers: passes on the records of other threads."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread not in _muted:
            logging.getLogger().handle(record)


_handler = _Handler()


@contextmanager
def quiet() -> Iterator[None]:
    """Mute this thread while the body runs; several threads may do so at the same time.

    The output and logs of other threads are not affected.
    """
    me = threading.get_ident()
    with _lock:
        if not _muted:
            _mute()
        _muted.add(me)
    try:
        yield
    finally:
        with _lock:
            _muted.discard(me)
            if not _muted:
                _unmute()


def _mute() -> None:
    _before["stdout"], _before["stderr"] = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Screen(sys.stdout), _Screen(sys.stderr)
    _before["propagate"] = {name: logging.getLogger(name).propagate for name in _LOGGERS}
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(_handler)
    _before["warnings"] = warnings.catch_warnings()
    _before["warnings"].__enter__()
    # Deprecations of the SDK itself and of its imports; the documentation covers them.
    warnings.filterwarnings("ignore", module=r"azureml|azure|msrest|pkg_resources")


def _unmute() -> None:
    for stream in ("stdout", "stderr"):
        screen = getattr(sys, stream)
        if isinstance(screen, _Screen):  # otherwise it has been replaced meanwhile
            setattr(sys, stream, _before[stream])
    for name, propagate in _before["propagate"].items():
        logger = logging.getLogger(name)
        logger.propagate = propagate
        logger.removeHandler(_handler)
    _before["warnings"].__exit__(None, None, None)
