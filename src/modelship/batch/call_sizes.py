"""Choose how many rows a call of run() gets, from how long earlier calls took.

The rules:

- A call is to take about 3 s; half of its timeout at most, if time grows with its rows. It has at
  most 50,000 rows.
- What each call costs, however many rows it has, is found by calls of different sizes. It does not
  count: a script that takes 5 s to begin is not called with fewer rows.
- The first calls of a scoring process are trials: 1, 1, 16 and 256 rows, as long as they are fast
  and the piece has so many. So a slow script gets no call that is far too large.
- The answers of trials are dropped if these took less than a second together, and used otherwise.
  So a fast script gets the same calls in each run of a job: the last digits of its answers may
  depend on how many rows are scored together.
- The sizes are 50,000 divided by powers of 2, for the same reason; and 2, since 3 may be too many.
- After a call that took too long, the next one that succeeds says how fast the script is, even if
  it has few rows.
- A script that takes mini-batches has a right to their size: 50,000 rows, until one of them takes
  too long.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from modelship.batch.call_errors import CallError
from modelship.batch.job_options import USUAL_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Call", "CallSizes", "FixedSize", "MeasuredSizes", "MiniBatchSizes"]

_FIRST: Final = 256
_TIMES: Final = 16
_TRIALS: Final = (1, 1, _TIMES, _FIRST)
_DROPPED_S: Final = 1.0
_TRIAL_S: Final = 0.5
_TARGET_S: Final = 3.0
_SHARE_OF_TIMEOUT: Final = 0.5
_MOST_OF_TIMEOUT: Final = 0.75
_GROWS_BY: Final = 4
_GROWS_LESS: Final = 2
_SHORTEST_S: Final = 1e-6
_NOISE: Final = 0.05
_DIFFERENT: Final = 2

Call: TypeAlias = "tuple[int, int, Any]"
"""The first row of a call, its exclusive last one, and its answer or its CallError."""


class CallSizes(Protocol):
    """How many rows calls get."""

    @property
    def rows(self) -> int:
        """The rows of the next call."""
        ...

    @property
    def row_s(self) -> float:
        """How long a row takes, in seconds; 0 if that is not known."""
        ...

    @property
    def step(self) -> int:
        """The rows of each call, if their number is fixed; else 1."""
        ...

    def measure(
        self, score: Callable[[int, int, float], Any], rows: int, timeout_s: float, /
    ) -> list[Call]:
        """Call it with a few of the rows, if that is of use; return the calls to keep.

        `score` takes the first row, the exclusive last one and the timeout, and returns the answer
        or a :class:`CallError`.
        """
        ...

    def note(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        """Note how long a call took that succeeded."""
        ...

    def note_timeout(self, rows: int) -> None:
        """Note a call that took too long."""
        ...


class FixedSize:
    """The same for all calls.

    Parameters
    ----------
    rows : int
        How many rows.
    """

    def __init__(self, rows: int) -> None:
        self.rows = self.step = rows
        self.row_s = 0.0

    def measure(
        self, _score: Callable[[int, int, float], Any], _rows: int, _timeout_s: float, /
    ) -> list[Call]:
        """Do nothing."""
        return []

    def note(self, rows: int, seconds: float, *, timeout_s: float) -> None:  # noqa: ARG002
        """Note how long a row took."""
        self.row_s = seconds / rows

    def note_timeout(self, rows: int) -> None:
        """Do nothing."""


class MeasuredSizes:
    """Sizes for one scoring process, over all pieces that it scores."""

    def __init__(self) -> None:
        self.rows = _FIRST
        self.step = 1
        self.row_s = 0.0
        self._trials: tuple[int, ...] = _TRIALS
        self._fixed_s = 0.0
        self._last: tuple[int, float] | None = None
        self._too_many = USUAL_ROWS + 1
        self._is_too_slow = False

    def measure(
        self, score: Callable[[int, int, float], Any], rows: int, timeout_s: float, /
    ) -> list[Call]:
        """Make the trials that are left; return them if they are to be kept."""
        calls: list[Call] = []
        begun, spent_s = 0, 0.0
        while rows > 1 and self._trials and begun + self._trials[0] <= rows:
            stop = begun + self._trials[0]
            began = time.monotonic()
            found = score(begun, stop, timeout_s)
            seconds = time.monotonic() - began
            if isinstance(found, CallError):
                return self._failed(calls, begun, stop, found)
            calls.append((begun, stop, found))
            if self._trials is not _TRIALS:  # the first call may have loaded something
                spent_s += seconds
            self._note_trial(stop - begun, seconds, timeout_s=timeout_s)
            begun = stop
        return calls if spent_s > _DROPPED_S else []

    def note(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        """Choose the next size."""
        is_rest = rows < self.rows and seconds < _TARGET_S  # of a piece
        if self._is_too_slow or not is_rest:
            self._learn(rows, seconds, timeout_s=timeout_s)

    def note_timeout(self, rows: int) -> None:
        """Choose a smaller size."""
        self._last, self._fixed_s, self._is_too_slow = None, 0.0, True
        self._too_many = min(self._too_many, rows)
        self.rows = max(1, min(self.rows, rows) // _GROWS_BY)

    def _failed(self, calls: list[Call], first: int, stop: int, error: CallError) -> list[Call]:
        """End the trials; what failed is called again, with other rows, unless it took too long."""
        self._trials = ()
        if not error.is_timeout:
            self.rows = _GROWS_BY
            return []
        self.note_timeout(stop - first)
        return [*calls, (first, stop, error)]

    def _note_trial(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        is_first, self._trials = self._trials is _TRIALS, self._trials[1:]
        if not is_first:
            self._learn(rows, seconds, timeout_s=timeout_s)
            if seconds * _TIMES > _TRIAL_S:
                self._trials = ()

    def _learn(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        self._is_too_slow = False
        if rows >= _FIRST:
            self._trials = ()
        is_first_size = self._last is None
        self._fixed_s = self._fixed_part(rows, seconds)
        self._last = (rows, seconds)
        per_row_s = (seconds - self._fixed_s) / rows
        self.row_s = 0.0 if is_first_size else per_row_s
        wanted = _TARGET_S / per_row_s if per_row_s > 0 else USUAL_ROWS
        safe = rows * _SHARE_OF_TIMEOUT * timeout_s / max(seconds, _SHORTEST_S)
        most_s = _MOST_OF_TIMEOUT * timeout_s
        more = _GROWS_BY * rows
        if is_first_size and _GROWS_BY * seconds > most_s:
            more = _GROWS_LESS * rows
        if is_first_size and more < self._too_many:  # one size does not show what is fixed
            wanted, safe = max(wanted, more), max(safe, more)
        elif self._fixed_s + per_row_s * more < most_s:
            safe = max(safe, more)
            if self._fixed_s + (per_row_s * rows + _NOISE * seconds) * _TIMES < most_s:
                safe = max(safe, _TIMES * rows)
        self.rows = _rounded(min(wanted, max(safe, rows)))

    def _fixed_part(self, rows: int, seconds: float) -> float:
        """Return what a call costs without rows, by this one and the last of another size."""
        if self._last is None:
            return 0.0
        before, before_s = self._last
        if max(rows, before) < _DIFFERENT * min(rows, before):
            return min(self._fixed_s, seconds)
        per_row_s = max(0.0, (seconds - before_s) / (rows - before))
        return max(0.0, seconds - per_row_s * rows)


class MiniBatchSizes(MeasuredSizes):
    """Those of a script that takes mini-batches: the most rows, until these took too long."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = self.step = USUAL_ROWS
        self._trials = ()

    def note(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        """Note how long a row took; choose the next size only after a call that took too long."""
        if self.step == 1:
            super().note(rows, seconds, timeout_s=timeout_s)
        else:
            self.row_s = seconds / rows

    def note_timeout(self, rows: int) -> None:
        """Choose a smaller size."""
        super().note_timeout(rows)
        self.step = 1


def _rounded(rows: float) -> int:
    """Return the largest size up to so many rows."""
    if _GROWS_LESS <= rows < _GROWS_LESS + 1:
        return _GROWS_LESS
    size = USUAL_ROWS
    while size > max(1.0, rows):
        size //= 2
    return max(1, size)
