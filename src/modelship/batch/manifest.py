"""Define Manifest: which pieces are done, one line of JSON for each, synced to the disk.

A piece that took long was cut again: a line before its own says so, with its parts.

Each line has a check of itself and of all lines before it, which begins with the digest of the
plan. So a line that is missing, changed, or of another job is found. A last line without an end is
that of a driver that was killed while it wrote: its piece is not done.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from modelship.batch.row_files.row_format import Cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.errors import BatchResumeError

__all__ = ["AnswerColumn", "BadBatch", "Entry", "Manifest", "ManifestLines"]

_CHECK_DIGITS = 16


@dataclass(frozen=True)
class AnswerColumn:
    """A column of answers, or the columns of the items of its lists.

    Parameters
    ----------
    name : str
        Its name; in the output it may have another, if the input has a column of this name.
    types : tuple[str, ...]
        The name of its type; of each of its columns, if these differ.
    width : int
        The length of its lists, if there is a column for each of their items; 0 if there is not.
    """

    name: str
    types: tuple[str, ...]
    width: int = 0

    def type_of(self, item: int) -> str:
        """Return the name of the type of one of its columns."""
        return self.types[item if len(self.types) > 1 else 0]


@dataclass(frozen=True)
class BadBatch:
    """A mini-batch that failed.

    Parameters
    ----------
    first : int
        The position of its first item in its piece.
    items : int
        How many items it has.
    reason : str
        Why it failed, in one line.
    """

    first: int
    items: int
    reason: str


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
    answers : tuple[AnswerColumn, ...]
        The columns of the answers in the output.
    failed_batches : int
        How many of its mini-batches failed.
    bad_batches : tuple[BadBatch, ...]
        These, in the order of their items.
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
    answers: tuple[AnswerColumn, ...] = ()
    failed_batches: int = 0
    bad_batches: tuple[BadBatch, ...] = ()


class ManifestLines(Protocol):
    """The lines of a manifest, to which only the driver of the job appends."""

    def read(self) -> list[bytes]:
        """Return the complete lines, without their ends; appending begins after them."""
        ...

    def append(self, line: bytes) -> None:
        """Write a line, so that it survives a failure of power.

        Raises
        ------
        BatchOutputError
            If another driver has appended one.
        BatchResumeError
            If lines have been removed.
        OSError
            If it cannot be written.
        """
        ...

    def damaged(self, problem: str) -> BatchResumeError:
        """Return the error of lines that are not those that were written."""
        ...


class Manifest:
    """The entries of a job.

    Parameters
    ----------
    lines : ManifestLines
        Where they are.
    plan_digest : str
        The digest of the plan.

    Attributes
    ----------
    cuts : list[tuple[int, list[Cut]]]
        The pieces that were cut again, as far as they were read, each with its parts; in order.
    """

    def __init__(self, lines: ManifestLines, *, plan_digest: str) -> None:
        self._lines = lines
        self._first = self._check = plan_digest[:_CHECK_DIGITS]
        self.cuts: list[tuple[int, list[Cut]]] = []

    def read(self) -> dict[int, Entry]:
        """Return the entries by the number of their piece.

        Raises
        ------
        BatchResumeError
            If a line is missing or has changed.
        """
        self._check, self.cuts = self._first, []
        entries: dict[int, Entry] = {}
        lines = self._lines.read()
        left = iter(lines)
        try:
            for line in left:
                self._take(json.loads(line), entries)
        except (ValueError, KeyError, TypeError, AttributeError):
            number = len(lines) - len(list(left))
            problem = f"line {number} is not the one that was written"
            raise self._lines.damaged(problem) from None
        return entries

    def append(self, entry: Entry) -> None:
        """Write an entry.

        Raises
        ------
        BatchOutputError
            If another driver has written one.
        OSError
            If it cannot be written.
        """
        self._write(asdict(entry))

    def withdraw(self, piece: int) -> None:
        """Note that a piece is not done any more, because its output is missing or has changed."""
        self._write({"piece": piece, "withdrawn": True})

    def cut(self, piece: int, cuts: Sequence[Cut]) -> None:
        """Note that a piece is cut again: it is the first part, and the others are new pieces."""
        self._write({"piece": piece, "cuts": [asdict(each) for each in cuts]})

    def _take(self, document: dict[str, Any], entries: dict[int, Entry]) -> None:
        found = document.pop("check")
        self._check = _check_of(self._check, document)
        if found != self._check:
            raise ValueError(found)
        if document.pop("withdrawn", False):
            del entries[document["piece"]]
            return
        if "cuts" in document:
            self.cuts.append((document["piece"], [Cut(**each) for each in document["cuts"]]))
            return
        columns = document.pop("answers", ())
        answers = tuple(AnswerColumn(**{**each, "types": (*each["types"],)}) for each in columns)
        bad = tuple(BadBatch(**each) for each in document.pop("bad_batches", ()))
        entry = Entry(**document, answers=answers, bad_batches=bad)
        if entry.piece in entries:
            raise ValueError(entry.piece)
        entries[entry.piece] = entry

    def _write(self, document: Mapping[str, Any]) -> None:
        check = _check_of(self._check, document)
        self._lines.append(json.dumps({**document, "check": check}).encode())
        self._check = check


def _check_of(before: str, document: Mapping[str, Any]) -> str:
    text = before + json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_CHECK_DIGITS]
