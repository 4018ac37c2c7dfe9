"""Decide which release gets the next request."""

from __future__ import annotations

from typing import Final

__all__ = ["Turns"]

_ALL: Final = 100


class Turns:
    """A weighted round robin: of 100 consecutive requests, exactly `weight` are selected.

    They are spread evenly, and the first one after a change is selected: with a weight of 10 the
    requests 1, 11, 21 and so on.
    """

    def __init__(self) -> None:
        self._weight = 0
        self._credit = 0

    @property
    def weight(self) -> int:
        """The percentage of the requests that are selected."""
        return self._weight

    @weight.setter
    def weight(self, percent: int) -> None:
        self._weight = percent
        self._credit = _ALL - percent if percent else 0

    def take(self) -> bool:
        """Return whether the next request is selected."""
        self._credit += self._weight
        is_taken = self._credit >= _ALL
        if is_taken:
            self._credit -= _ALL
        return is_taken
