"""Define ScoredRows: what came of the rows of a piece, and what writes the answers to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from modelship.batch.bisecting import BadRow
    from modelship.batch.manifest import AnswerColumn, BadBatch

__all__ = ["Elements", "MissingRows", "ScoredRows"]


class Elements(NamedTuple):
    """The elements that run() returned for a mini-batch.

    Parameters
    ----------
    rows : int
        How many there are.
    text : bytes
        Each as text, on a line of its own.
    """

    rows: int
    text: bytes


class MissingRows(NamedTuple):
    """A mini-batch for which fewer elements were returned: which of its items failed is not known.

    Parameters
    ----------
    first, stop : int
        Its first item, and its exclusive last one.
    elements : int
        How many elements there are.
    """

    first: int
    stop: int
    elements: int

    @property
    def rows(self) -> int:
        """How many items failed."""
        return self.stop - self.first - self.elements


@dataclass(frozen=True)
class ScoredRows:
    """What came of the rows of a piece.

    Parameters
    ----------
    rows_out : int
        How many were scored.
    write : Callable, optional
        Writes the answers to them to a file; None if there are none.
    answers : tuple[AnswerColumn, ...]
        The columns of the answers, if they have any.
    bad : list[BadRow]
        The rows that failed.
    missing : list[MissingRows]
        The mini-batches of which an unknown part failed.
    bad_batches : list[BadBatch]
        The mini-batches that failed.
    failed_batches : int
        How many mini-batches failed as a whole.
    rest : tuple[int, ...]
        How many of the rows that follow each new piece is to have, if they are for other pieces.
    """

    rows_out: int = 0
    write: Callable[[BinaryIO], object] | None = None
    answers: tuple[AnswerColumn, ...] = ()
    bad: list[BadRow] = field(default_factory=list)
    missing: list[MissingRows] = field(default_factory=list)
    bad_batches: list[BadBatch] = field(default_factory=list)
    failed_batches: int = 0
    rest: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many rows were scored, or failed."""
        return self.rows_out + self.failed

    @property
    def failed(self) -> int:
        """How many rows failed."""
        return len(self.bad) + sum(each.rows for each in self.missing)
