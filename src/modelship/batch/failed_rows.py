"""Read the failed rows of a job, and group them by reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.batch.output_files import output_files
from modelship.batch.output_names import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FailedRow", "Failure", "failed_rows", "failures_in"]

_EXAMPLES: Final = 3
_MOST_GROUPS: Final = 100
_OTHERS: Final = "other reasons"
# What differs from row to row in the message of one and the same failure.
_VARYING: Final = re.compile(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class FailedRow:
    """A row that failed.

    Parameters
    ----------
    file : str
        The name of its file, relative to the input.
    row : int or None
        Its position in the file, from 0; None if the file itself failed.
    reason : str
        Why, in one line.
    values : Any
        The row, as JSON values.
    """

    file: str
    row: int | None
    reason: str
    values: Any


@dataclass(frozen=True)
class Failure:
    """The rows that failed for the same reason.

    Parameters
    ----------
    reason : str
        The reason; numbers and quoted texts that differ between the rows are written as ``…``.
    rows : int
        How many rows there are.
    examples : tuple[FailedRow, ...]
        The first of them.
    """

    reason: str
    rows: int
    examples: tuple[FailedRow, ...]


def failed_rows(output: str | Path) -> Iterator[FailedRow]:
    """Yield the failed rows in the output folder of a job, in the order of the input."""
    files = output_files(output)
    for name in sorted(each for each in files.sizes() if each.startswith(f"{FAILED}/")):
        with files.open(name) as lines:
            yield from (_row(json.loads(line)) for line in lines)


def failures_in(output: str | Path) -> tuple[Failure, ...]:
    """Return the failed rows of a job by reason, the most frequent first."""
    groups: dict[str, _Group] = {}
    for each in failed_rows(output):
        kind = _VARYING.sub("…", each.reason)
        if kind not in groups and len(groups) >= _MOST_GROUPS:
            kind = _OTHERS
        groups.setdefault(kind, _Group(kind)).add(each)
    found = [group.failure for group in groups.values()]
    return tuple(sorted(found, key=lambda each: -each.rows))


def _row(document: dict[str, Any]) -> FailedRow:
    return FailedRow(
        str(document.get("file", document.get("path", ""))),
        document.get("row"),
        str(document.get("reason", "")),
        document.get("values"),
    )


class _Group:
    """Rows whose reasons differ in numbers and quoted texts only."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._rows = 0
        self._reason: str | None = None
        self._examples: list[FailedRow] = []

    def add(self, row: FailedRow) -> None:
        """Count a row."""
        if not self._rows and self._kind != _OTHERS:
            self._reason = row.reason
        if self._reason != row.reason:
            self._reason = None
        self._rows += 1
        if len(self._examples) < _EXAMPLES:
            self._examples.append(row)

    @property
    def failure(self) -> Failure:
        """What was counted."""
        return Failure(self._reason or self._kind, self._rows, tuple(self._examples))
