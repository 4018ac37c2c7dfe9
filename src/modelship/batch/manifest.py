"""Define Manifest: which pieces are done, one line of JSON for each, synced to the disk."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Entry", "Manifest"]


@dataclass(frozen=True)
class Entry:
    """What came of a piece.

    Parameters
    ----------
    piece : int
        Its number.
    rows_in, rows_out, failed : int
        How many rows it had, how many were written, and how many failed.
    output : str
        The path of its output below the folder of the job; ``""`` if no row was written.
    size_bytes : int
        The size of the output.
    digest : str
        The hex sha256 digest of the output.
    seconds : float
        How long it took.
    ended : float
        When it ended, in seconds since 1970.
    """

    piece: int
    rows_in: int
    rows_out: int
    failed: int
    output: str
    size_bytes: int
    digest: str
    seconds: float = 0.0
    ended: float = 0.0


class Manifest:
    """The entries of a job, in a file to which only its driver appends.

    Parameters
    ----------
    path : Path
        The file.
    plan_digest : str
        The digest of the plan; entries of another one are an error.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[int, Entry]:
        """Return the entries by the number of their piece.

        A last line without an end is that of a driver that was killed: its piece is not done.
        """
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return {}
        found = [Entry(**json.loads(line)) for line in lines if line]
        return {entry.piece: entry for entry in found}

    def append(self, entry: Entry) -> None:
        """Write an entry, and sync it to the disk."""
        line = json.dumps(asdict(entry)).encode() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # A line that a killed driver left incomplete is overwritten.
            end = _end_of_lines(descriptor)
            os.truncate(descriptor, end)
            os.pwrite(descriptor, line, end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _end_of_lines(descriptor: int) -> int:
    """Return the offset after the last complete line."""
    end = os.fstat(descriptor).st_size
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        end -= 1
    return end
