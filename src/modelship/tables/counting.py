"""Count values that the model or its sample has not seen; they are not rejected."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checking import Check

__all__ = ["Counts"]

_TOLD_EVERY_S = 60.0
_logger = logging.getLogger("modelship_tables")


class Counts:
    """Counts values outside a column's categories, and numbers outside its range.

    The counts are logged in one line, at most once a minute.

    Parameters
    ----------
    checks : sequence of Check
        The check of each column.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self._rows = 0
        self._next_s = 0.0
        self._taken = (0, 0)
        self.has_new = False

    def note(self, values: Sequence[Any]) -> None:
        """Count the values of each column, for one request."""
        found = [check for check, each in zip(self._checks, values) if check.count(each)]
        self._rows += len(values[0]) if values else 0
        if found:
            self.has_new = True
            self._tell()

    def take(self) -> tuple[int, int]:
        """Return the counts since the last call: values, and numbers."""
        self.has_new = False
        before, self._taken = self._taken, self.totals
        return self._taken[0] - before[0], self._taken[1] - before[1]

    @property
    def totals(self) -> tuple[int, int]:
        """The number of values outside the categories, and of numbers outside the range."""
        return sum(each.unseen for each in self._checks), sum(each.outside for each in self._checks)

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _TOLD_EVERY_S
        told = "; ".join(text for check in self._checks if (text := check.counted()))
        _logger.warning("Counted in %d rows, and not refused: %s.", self._rows, told)
