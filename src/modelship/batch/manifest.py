"""Define Manifest: which pieces are done, one line of JSON for each, synced to the disk.

Each line has a check of itself and of all lines before it, which begins with the digest of the
plan. So a line that is missing, changed, or of another job is found. A last line without an end is
that of a driver that was killed while it wrote: its piece is not done.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modelship.errors import BatchOutputError, BatchResumeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Entry", "Manifest"]

_CHECK_DIGITS = 16


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
    failures : str
        The path of the file with its failed rows, likewise.
    failures_bytes : int
        The size of that file.
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
    failures: str = ""
    failures_bytes: int = 0
    seconds: float = 0.0
    ended: float = 0.0


class Manifest:
    """The entries of a job, in a file to which only its driver appends.

    Parameters
    ----------
    path : Path
        The file.
    plan_digest : str
        The digest of the plan.
    """

    def __init__(self, path: Path, *, plan_digest: str) -> None:
        self._path = path
        self._first = self._check = plan_digest[:_CHECK_DIGITS]
        self._end = 0

    def read(self) -> dict[int, Entry]:
        """Return the entries by the number of their piece.

        Raises
        ------
        BatchResumeError
            If a line is missing or has changed.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            content = b""
        self._check, self._end = self._first, content.rfind(b"\n") + 1
        entries: dict[int, Entry] = {}
        lines = content[: self._end].splitlines()
        left = iter(lines)
        try:
            for line in left:
                self._take(json.loads(line), entries)
        except (ValueError, KeyError, TypeError, AttributeError):
            number = len(lines) - len(list(left))
            raise self._damaged(f"line {number} is not the one that was written") from None
        return entries

    def append(self, entry: Entry) -> None:
        """Write an entry, and sync it to the disk.

        Raises
        ------
        BatchOutputError
            If another driver has written to the file.
        OSError
            If it cannot be written.
        """
        self._write(asdict(entry))

    def withdraw(self, piece: int) -> None:
        """Note that a piece is not done any more, because its output is missing or has changed."""
        self._write({"piece": piece, "withdrawn": True})

    def _take(self, document: dict[str, Any], entries: dict[int, Entry]) -> None:
        found = document.pop("check")
        self._check = _check_of(self._check, document)
        if found != self._check:
            raise ValueError(found)
        if document.pop("withdrawn", False):
            del entries[document["piece"]]
            return
        entry = Entry(**document)
        if entry.piece in entries:
            raise ValueError(entry.piece)
        entries[entry.piece] = entry

    def _write(self, document: Mapping[str, Any]) -> None:
        check = _check_of(self._check, document)
        line = json.dumps({**document, "check": check}).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            # A line that a killed driver left incomplete has no end, and is overwritten.
            self._require_end(descriptor)
            os.ftruncate(descriptor, self._end)
            _write_all(descriptor, line, self._end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._check, self._end = check, self._end + len(line)

    def _require_end(self, descriptor: int) -> None:
        """Check that the file has the lines that this driver knows, and no complete one more."""
        size = os.fstat(descriptor).st_size
        if size < self._end:
            raise self._damaged("it has become shorter")
        if size > self._end and b"\n" in self._path.read_bytes()[self._end :]:
            raise BatchOutputError(
                str(self._path.parent.parent),
                "another process writes its manifest at the same time",
                "End the other one, and run the same command again: it scores what is missing.",
            )

    def _damaged(self, problem: str) -> BatchResumeError:
        return BatchResumeError(
            str(self._path.parent.parent),
            f"{self._path.name} is damaged: {problem}",
            advice=f"Restore {self._path} from a copy, or name another output folder.",
        )


def _check_of(before: str, document: Mapping[str, Any]) -> str:
    text = before + json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_CHECK_DIGITS]


def _write_all(descriptor: int, content: bytes, at: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, at)
        content, at = content[written:], at + written
