"""Choose how many rows a call of run() gets, from how long earlier calls took.

The rules:

- A call is to take about 3 s; half of its timeout at most, if time grows with its rows. It has at
  most 50,000 rows.
- What each call costs, however many rows it has, is found by calls of different sizes. It does not
  count: a script that takes 5 s to begin is not called with fewer rows.
- Before a large piece, up to 274 of its rows are scored and their answers dropped, as long as that
  takes less than a second. So a fast script gets the same calls in each run of a job: the last
  digits of its answers may depend on how many rows are scored together.
- The sizes are 50,000 divided by powers of 2, for the same reason.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from modelship.batch.batch_plan import USUAL_ROWS
from modelship.batch.call_errors import CallError

if TYPE_CHECKING:
    from modelship.batch.bisecting import ScoreCall

__all__ = ["CallSizes", "FixedSize", "MeasuredSizes"]

_FIRST: Final = 256
_TIMES: Final = 16
_TRIALS: Final = (1, 1, _TIMES, _FIRST)
_LARGE_PIECE: Final = 20_000
_TRIAL_S: Final = 0.5
_TARGET_S: Final = 3.0
_SHARE_OF_TIMEOUT: Final = 0.5
_MOST_OF_TIMEOUT: Final = 0.75
_GROWS_BY: Final = 4
_SHORTEST_S: Final = 1e-6
_DIFFERENT: Final = 2


class CallSizes(Protocol):
    """How many rows calls get."""

    @property
    def rows(self) -> int:
        """The rows of the next call."""
        ...

    def measure(self, score: ScoreCall, rows: int, *, timeout_s: float) -> None:
        """Call it with a few of the rows, if that is of use."""
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
        self.rows = rows

    def measure(self, score: ScoreCall, rows: int, *, timeout_s: float) -> None:
        """Do nothing."""

    def note(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        """Do nothing."""

    def note_timeout(self, rows: int) -> None:
        """Do nothing."""


class MeasuredSizes:
    """Sizes for one scoring process, over all pieces that it scores."""

    def __init__(self) -> None:
        self.rows = _FIRST
        self._is_measured = False
        self._fixed_s = 0.0
        self._last: tuple[int, float] | None = None
        self._too_many = USUAL_ROWS + 1

    def measure(self, score: ScoreCall, rows: int, *, timeout_s: float) -> None:
        """Call it with a few rows of a large piece, unless the speed is known."""
        if self._is_measured or rows < _LARGE_PIECE:
            return None
        self._is_measured = True
        for at, size in enumerate(_TRIALS):
            began = time.monotonic()
            try:
                score(0, size, timeout_s=timeout_s)
            except CallError as error:
                return self.note_timeout(size) if error.is_timeout else None
            seconds = time.monotonic() - began
            if at or seconds > _TARGET_S:  # else the first call may have loaded something
                self._learn(size, seconds, timeout_s=timeout_s)
                if seconds * _TIMES > _TRIAL_S:
                    return None
        return None

    def note(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        """Choose the next size."""
        is_rest = rows < self.rows and seconds < _TARGET_S  # of a piece
        if not is_rest:
            self._learn(rows, seconds, timeout_s=timeout_s)

    def note_timeout(self, rows: int) -> None:
        """Choose a smaller size."""
        self._last, self._fixed_s = None, 0.0
        self._too_many = min(self._too_many, rows)
        self.rows = max(1, min(self.rows, rows) // _GROWS_BY)

    def _learn(self, rows: int, seconds: float, *, timeout_s: float) -> None:
        self._is_measured = self._is_measured or rows >= _FIRST
        is_first_size = self._last is None
        self._fixed_s = self._fixed_part(rows, seconds)
        self._last = (rows, seconds)
        per_row_s = (seconds - self._fixed_s) / rows
        wanted = _TARGET_S / per_row_s if per_row_s > 0 else USUAL_ROWS
        safe = rows * _SHARE_OF_TIMEOUT * timeout_s / max(seconds, _SHORTEST_S)
        more = _GROWS_BY * rows
        if is_first_size and more < self._too_many:  # one size does not show what is fixed
            wanted, safe = max(wanted, more), max(safe, more)
        elif self._fixed_s + per_row_s * more < _MOST_OF_TIMEOUT * timeout_s:
            safe = max(safe, more)
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


def _rounded(rows: float) -> int:
    """Return the largest size up to so many rows."""
    size = USUAL_ROWS
    while size > max(1.0, rows):
        size //= 2
    return max(1, size)
