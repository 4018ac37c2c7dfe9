"""Define LocalLines: the lines of a manifest in a file of this machine, synced to the disk.

A last line without an end is that of a driver that was killed while it wrote: it counts as not
written.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from modelship.errors import BatchOutputError, BatchResumeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LocalLines"]


class LocalLines:
    """Lines that are appended to a file; see :class:`ManifestLines`.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = 0

    def read(self) -> list[bytes]:
        """Return the complete lines."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            content = b""
        self._end = content.rfind(b"\n") + 1
        return content[: self._end].splitlines()

    def append(self, line: bytes) -> None:
        """Write a line, and sync it to the disk."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            # A line that a killed driver left incomplete has no end, and is overwritten.
            self._require_end(descriptor)
            os.ftruncate(descriptor, self._end)
            _write_all(descriptor, line + b"\n", self._end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._end += len(line) + 1

    def damaged(self, problem: str) -> BatchResumeError:
        """Return the error of lines that are not those that were written."""
        return BatchResumeError(
            str(self._path.parent.parent),
            f"{self._path.name} is damaged: {problem}",
            advice=f"Restore {self._path} from a copy, or name another output folder.",
        )

    def _require_end(self, descriptor: int) -> None:
        """Check that the file has the lines that this driver knows, and no complete one more."""
        size = os.fstat(descriptor).st_size
        if size < self._end:
            raise self.damaged("it has become shorter")
        if size > self._end and b"\n" in self._path.read_bytes()[self._end :]:
            raise BatchOutputError(
                str(self._path.parent.parent),
                "another process writes its manifest at the same time",
                "End the other one, and run the same command again: it scores what is missing.",
            )


def _write_all(descriptor: int, content: bytes, at: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, at)
        content, at = content[written:], at + written
