"""Score rows, and find the bad ones: the rows of a call that fails are halved again and again.

The rules:

- Half of the rows of a call that took too long get half of its time, but at least ten times as
  long as the longest call that succeeded, and a second. So a row that hangs costs about twice the
  timeout until it is found, and not one timeout for each halving.
- Once a call succeeds after one that took too long, the rows that are left are not halved any
  more, but have calls of the size that follows from it.
- If the first call fails, up to ten rows are tried alone, as :mod:`modelship.batch.first_rows`
  says, with a tenth of the time each. The last of them has the whole time, if it needs it.
- A row that fails alone is tried again `retries` times, with the whole timeout each. If it had
  less time than that, it is tried once more in any case.
"""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from modelship.batch.call_errors import CallError
from modelship.batch.first_rows import NothingScoredError, TriedRows, sample_places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from modelship.batch.call_sizes import CallSizes
    from modelship.batch.slow_pieces import Splitting

__all__ = ["BadRow", "Bisection", "ScoreCall", "TooManyFailedError"]

_OF_ONE = re.compile(r"\bRow 0, (?=column )")  # in its call, where it was alone: not in its file
_SHORTEST_S = 1.0
_TIMES_SLOWEST = 10
_SHARE_OF_ONE = 0.1


class TooManyFailedError(Exception):
    """More rows failed than the job allows.

    Parameters
    ----------
    failed : int
        How many.
    reason : str
        That of the last one.
    """

    def __init__(self, failed: int, reason: str) -> None:
        super().__init__(failed, reason)
        self.failed = failed
        self.reason = reason


class ScoreCall(Protocol):
    """Returns the answer to the rows from a first to an exclusive last one, or raises CallError."""

    def __call__(self, first: int, stop: int, *, timeout_s: float) -> pa.Table: ...


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


class Bisection:
    """Scores rows in calls, and finds the bad ones; one among n costs about 2 log2(n) calls more.

    Parameters
    ----------
    score : ScoreCall
        Scores some rows.
    timeout_s : float
        How long a call may take, in seconds.
    retries : int
        How many times a row that failed alone is tried again.
    most_failed : int
        How many rows may fail; -1 for any number.
    needs_proof : bool
        Whether it is an error if all rows that are tried alone fail, once the first call has.
    tell : Callable
        Called after each call, with how many rows were scored and how many failed so far.
    splitting : Splitting, optional
        Decides whether it ends early, because the rows take long.

    Attributes
    ----------
    rest : tuple[int, ...]
        How many of the rows that are left each new piece is to have, if it ended early.
    """

    def __init__(
        self,
        score: ScoreCall,
        *,
        timeout_s: float,
        retries: int = 1,
        most_failed: int = -1,
        needs_proof: bool = False,
        tell: Callable[[int, int], None] = lambda _scored, _failed: None,
        splitting: Splitting | None = None,
    ) -> None:
        self._score = score
        self._timeout_s = timeout_s
        self._retries = retries
        self._most_failed = most_failed
        self._needs_proof = needs_proof
        self._tell = tell
        self._splitting = splitting
        self.rest: tuple[int, ...] = ()
        self._slowest_s = 0.0

    def run(
        self, rows: int, *, sizes: CallSizes
    ) -> tuple[list[tuple[int, int, Any]], list[BadRow]]:
        """Score rows, in calls of these sizes; only the first ones if it ends early.

        Returns
        -------
        tuple
            The answers, as (first row, exclusive last row, answer), in order; and the bad rows.

        Raises
        ------
        TooManyFailedError
            If more rows fail than may.
        NothingScoredError
            If it needs proof that a row can be scored, and there is none.
        """
        answers: list[tuple[int, int, Any]] = []
        bad: list[BadRow] = []
        scored = 0
        left: list[tuple[int, int, float]] = []
        limit_s = self._timeout_s
        tried = deque(sizes.measure(self._outcome, rows, limit_s))
        begun = tried[-1][1] if tried else 0
        while tried or left or begun < rows:
            if tried:
                first, stop, found = tried.popleft()
            elif answers and self._ends_early(_border(left, begun, answers), rows, sizes):
                break
            elif left:
                first, stop, limit_s = self._part(left, most=sizes.rows)
                found = self._noted(first, stop, limit_s, sizes)
            else:
                first, stop, limit_s = begun, min(begun + sizes.rows, rows), self._timeout_s
                begun = stop
                found = self._noted(first, stop, limit_s, sizes, is_new=True)
            self._prove(found, rows)
            if isinstance(found, CallError):
                if stop - first > 1:
                    left += self._halves(first, stop, limit_s, found)
                    continue
                found = self._again(first, found, limit_s)
            if isinstance(found, CallError):
                bad.append(BadRow(first, _OF_ONE.sub("", found.reason, count=1)))
                if 0 <= self._most_failed < len(bad):
                    raise TooManyFailedError(len(bad), bad[-1].reason)
            else:
                answers.append((first, stop, found))
                scored += stop - first
            self._tell(scored, len(bad))
        return answers, bad

    def _ends_early(self, border: int, rows: int, sizes: CallSizes) -> bool:
        """Return whether the rows from a border on are for other pieces."""
        if self._splitting is not None and border >= 0 and border % sizes.step == 0:
            self.rest = self._splitting.rest(rows - border, row_s=sizes.row_s, step=sizes.step)
        return bool(self.rest)

    def _part(self, left: list[tuple[int, int, float]], *, most: int) -> tuple[int, int, float]:
        """Take the next rows of calls that failed, at most so many, and the time that they have."""
        first, stop, limit_s = left.pop()
        if stop - first > most:  # a call that succeeded since then shows that they are too many
            left.append((first + most, stop, limit_s))
        least_s = min(self._timeout_s, _TIMES_SLOWEST * self._slowest_s)
        return first, min(stop, first + most), max(limit_s, least_s)

    def _outcome(self, first: int, stop: int, limit_s: float) -> Any:
        """Return the answer to some rows, or the error of their call."""
        began = time.monotonic()
        try:
            answer = self._score(first, stop, timeout_s=limit_s)
        except CallError as error:
            return error
        self._slowest_s = max(self._slowest_s, time.monotonic() - began)
        return answer

    def _prove(self, found: Any, rows: int) -> None:
        """Check that a row can be scored, if it is not known after the first call."""
        if self._needs_proof and isinstance(found, CallError):
            self._require_one(sample_places(rows))
        self._needs_proof = False

    def _require_one(self, places: Sequence[int]) -> None:
        """Check that one of some rows succeeds alone."""
        limit_s = max(_SHORTEST_S, self._timeout_s * _SHARE_OF_ONE)
        for at in places:
            found = self._outcome(at, at + 1, limit_s)
            if not isinstance(found, CallError):
                return
        if found.is_timeout:
            found = self._outcome(at, at + 1, self._timeout_s)
        if isinstance(found, CallError):
            tried = TriedRows(len(places), found.reason, found.log, is_timeout=found.is_timeout)
            raise NothingScoredError(tried)

    def _noted(
        self, first: int, stop: int, limit_s: float, sizes: CallSizes, *, is_new: bool = False
    ) -> Any:
        """Return the answer to some rows, or the error of their call; note how long it took."""
        began = time.monotonic()
        found = self._outcome(first, stop, limit_s)
        if not isinstance(found, CallError):
            sizes.note(stop - first, time.monotonic() - began, timeout_s=self._timeout_s)
        elif found.is_timeout and is_new:  # else a row among them may hang, as one before has
            sizes.note_timeout(stop - first)
        return found

    def _halves(
        self, first: int, stop: int, limit_s: float, error: CallError
    ) -> list[tuple[int, int, float]]:
        """Return both halves of the rows, and the time that they have; the first one last."""
        middle = (first + stop) // 2
        if error.is_timeout:
            shortest_s = max(_SHORTEST_S, _TIMES_SLOWEST * self._slowest_s)
            limit_s = min(self._timeout_s, max(limit_s / 2, shortest_s))
        return [(middle, stop, limit_s), (first, middle, limit_s)]

    def _again(self, row: int, error: CallError, limit_s: float) -> Any:
        """Return what comes of a row that failed alone when it is tried again."""
        had_less = error.is_timeout and limit_s < self._timeout_s
        found: Any = error
        for _ in range(max(self._retries, int(had_less))):
            found = self._outcome(row, row + 1, self._timeout_s)
            if not isinstance(found, CallError):
                break
        return found


def _border(
    left: list[tuple[int, int, float]], begun: int, answers: list[tuple[int, int, Any]]
) -> int:
    """Return where the rows begin that are left; -1 where a call with them has just failed."""
    if not left:
        return begun
    return left[-1][0] if answers[-1][1] == left[-1][0] else -1
