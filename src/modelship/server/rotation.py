"""Rotate the log file of a service: two files of bounded size.

One process moves the file away when it is full, and makes a new one. All others see within a
second that the file has another inode, and let their standard output and error go there. Until
then they write to the old one, which is kept; so no line is lost, and nothing stands between a
process and its log that could fail.

It imports nothing but the standard library, and runs on each Python that a bundle may have: the
settings of the gunicorn below Azure ML's server load it too.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["LogFile"]

_LOOK_EVERY_S = 0.5
_SHORTEST_S = 5.0
"""Time for every process to have left the last file, before it gives way to the next one."""
_DEFAULT_MB = 16


class LogFile:
    """The file that standard output and error go to, as ``MODELSHIP_LOG_FILE`` says; or none.

    Parameters
    ----------
    rotates : bool
        Whether this is the one process that begins new files.
    """

    def __init__(self, *, rotates: bool = False) -> None:
        name = os.environ.get("MODELSHIP_LOG_FILE")
        self._path = Path(name) if name else None
        self._most_bytes = _most_bytes()
        self._rotates = rotates
        self._looks_at = 0.0
        self._rotates_at = 0.0

    def look(self) -> None:
        """Go on in the newest file; to be called again and again."""
        now = time.monotonic()
        if self._path is None or now < self._looks_at:
            return
        self._looks_at = now + _LOOK_EVERY_S
        with suppress(OSError):  # the disk may be full, or the folder gone: all stays as it is
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
