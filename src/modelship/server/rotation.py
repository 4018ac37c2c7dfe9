"""Rotate the log file of a service: two files of bounded size.

One process renames the file when it is full, and creates a new one. All others notice within a
second that the file has another inode, and redirect their standard output and error to it. Until
then they write to the old one, which is kept; so no line is lost, and there is no intermediary
between a process and its log that could fail.

It imports only the standard library, and runs on each Python that a bundle may use: the settings of
the gunicorn in Azure ML's server load it too.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["LogFile"]

_LOOK_EVERY_S = 0.5
_SHORTEST_S = 5.0
"""How long processes may still write to the last file, before it is replaced."""
_DEFAULT_MB = 16


class LogFile:
    """The file of standard output and error, named by ``MODELSHIP_LOG_FILE``; or none.

    Parameters
    ----------
    rotates : bool
        Whether this process is the one that creates new files.
    """

    def __init__(self, *, rotates: bool = False) -> None:
        name = os.environ.get("MODELSHIP_LOG_FILE")
        self._path = Path(name) if name else None
        self._most_bytes = _most_bytes()
        self._rotates = rotates
        self._looks_at = 0.0
        self._rotates_at = 0.0

    def look(self) -> None:
        """Switch to the newest file; call it periodically."""
        now = time.monotonic()
        if self._path is None or now < self._looks_at:
            return
        self._looks_at = now + _LOOK_EVERY_S
        with suppress(OSError):  # disk full or folder missing: no change
            if self._rotates and now >= self._rotates_at:
                self._rotate(self._path, now)
            _follow(self._path)

    def _rotate(self, file: Path, now: float) -> None:
        if file.stat().st_size > self._most_bytes:
            self._rotates_at = now + _SHORTEST_S
            draft = file.with_name(file.name + ".new")
            draft.touch(mode=0o600)
            file.replace(file.with_name(file.name + ".1"))
            draft.replace(file)


def _follow(file: Path) -> None:
    newest = file.stat()
    for descriptor in (1, 2):
        if not os.path.samestat(os.fstat(descriptor), newest):
            opened = os.open(file, os.O_WRONLY | os.O_APPEND)
            os.dup2(opened, descriptor)
            os.close(opened)


def _most_bytes() -> int:
    try:
        return max(int(os.environ.get("MODELSHIP_LOG_MB", _DEFAULT_MB)), 1) << 20
    except ValueError:
        return _DEFAULT_MB << 20
