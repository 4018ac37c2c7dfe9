"""Score rows, and find the bad ones: the rows of a call that fails are halved again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelship.batch.scoring_process import CallError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BadRow", "score_all"]


@dataclass(frozen=True)
class BadRow:
    """A row that failed.

    Parameters
    ----------
    row : int
        Its position among the rows that were scored.
    reason : str
        Why, in one line.
    """

    row: int
    reason: str


def score_all(
    score: Callable[[int, int], Any], *, rows: int, call_rows: int
) -> tuple[list[tuple[int, int, Any]], list[BadRow]]:
    """Score rows in calls of `call_rows`, and return the answers and the bad rows.

    One bad row among n costs about 2 log2(n) calls more.

    Parameters
    ----------
    score : Callable
        Returns the answer to the rows from a first to an exclusive last one, or raises CallError.
    rows : int
        How many rows there are.
    call_rows : int
        How many rows a call has.

    Returns
    -------
    tuple
        The answers, as (first row, exclusive last row, answer), in order; and the bad rows.
    """
    answers: list[tuple[int, int, Any]] = []
    bad: list[BadRow] = []
    left = [(at, min(at + call_rows, rows)) for at in range(0, rows, call_rows)][::-1]
    while left:
        start, stop = left.pop()
        try:
            answers.append((start, stop, score(start, stop)))
        except CallError as error:
            if stop - start == 1:
                bad.append(BadRow(start, error.reason))
            else:
                middle = (start + stop) // 2
                left += [(middle, stop), (start, middle)]
    return answers, bad
