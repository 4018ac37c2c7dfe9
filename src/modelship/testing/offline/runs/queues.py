"""The order in which scripts start on a target that runs only some of them at once."""

from __future__ import annotations

import threading

__all__ = ["Queue"]


class Queue:
    """The scripts of one target: those that run, and after them those that wait.

    Parameters
    ----------
    at_once : int
        How many of them run at once.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._runs: list[str] = []
        self._changed = threading.Condition()

    def join(self, run_id: str) -> None:
        """Let a run wait after those that are here."""
        with self._changed:
            self._runs.append(run_id)

    def has_turn(self, run_id: str, *, within_s: float = 0.0) -> bool:
        """Return whether a run may start, now or within some seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: run_id in self._runs[: self._at_once], timeout=within_s
            )

    def leave(self, run_id: str) -> None:
        """Let the next run start in place of one."""
        with self._changed:
            self._runs.remove(run_id)
            self._changed.notify_all()
