"""What a deployment is doing now, shown step by step, and the deadline over all of it."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Deadline", "DeadlineExceededError", "Steps"]


class DeadlineExceededError(TimeoutError):
    """A deadline passed. It never reaches a user: DeployTarget says what was being done."""


class Deadline:
    """A point in time that several waits share.

    Parameters
    ----------
    timeout_s : float
        Seconds from now.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    @property
    def remaining_s(self) -> float:
        """Seconds left; never below 0."""
        return max(0.0, self._end - time.monotonic())

    def check(self) -> None:
        """Raise DeadlineExceededError if no time is left."""
        if not self.remaining_s:
            raise DeadlineExceededError


class Steps:
    """The steps of one deployment: named, timed, under one deadline, and shown on stderr.

    Parameters
    ----------
    title : str
        What is being done, such as ``"sklearn-mnist-svc on docker"``.
    timeout_s : float
        Seconds for all steps together.
    show_output : bool
        Show each step with its duration: with a spinner on a terminal, as plain lines elsewhere.
    """

    def __init__(self, title: str, *, timeout_s: float, show_output: bool = False) -> None:
        self.title = title
        self.deadline = Deadline(timeout_s)
        self.current = "starting"
        self._show = show_output

    def anew(self) -> Steps:
        """Return steps with the same title, and with as much time as these had at first."""
        return Steps(self.title, timeout_s=self.deadline.timeout_s, show_output=self._show)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run the body as the step `name`; raise DeadlineExceededError if no time is left."""
        self.deadline.check()
        self.current = name
        started = time.monotonic()
        outcome = "failed"
        try:
            with self._spinner(name):
                yield
            outcome = "done"
        finally:
            self.say(f"{name}: {outcome} in {time.monotonic() - started:.1f} s")

    def say(self, line: str) -> None:
        """Show one line."""
        if self._show:
            print(f"[{self.title}] {line}", file=sys.stderr, flush=True)  # noqa: T201 - asked for

    @contextmanager
    def _spinner(self, name: str) -> Iterator[None]:
        if not (self._show and sys.stderr.isatty()):
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(f"[{self.title}] {name}", spinner="dots"):
            yield
