"""Determine how far the server came: loading the script, in init(), serving."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from modelship.diagnosis.tracebacks import place_in_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Timeline"]

_BOOTING = "Booting worker with pid"
_INIT = "Invoking user's init function"
_INIT_DONE = "init has completed successfully"
_READY = "ready for serving traffic"
_LISTENING = re.compile(r"Listening at: https?://[^\s:]+:(?P<port>\d+)")
_FEWEST_ENDS = 3
_KILLED = "was sent SIGKILL"
_OF_PLACE = "[modelship] "

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_STATUS = "Instance status:"
_STEP = re.compile(r"(?P<name>\w+): (?P<state>Waiting|InProgress|Succeeded|Failed)")

_SCRIPT = re.compile(
    r"(?:Found user script at|User script at|Entry Script Name:) (?P<path>\S+\.py)"
)
_WRITTEN_BY = re.compile(r"Trying to unpickle estimator \w+ from version (?P<version>[\w.]+) when")

_FILES_HEADING = "Model Directory Contents:"
_LISTED = re.compile(r" azmlinfsrv - (?P<indent> *)(?P<name>\S.*)$")
_LEVEL = 4  # the server's indentation of each folder level, in spaces


class Timeline:
    """The server's log lines about its own progress.

    Parameters
    ----------
    lines : sequence of str
        The log.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.boots = self._count(_BOOTING)
        self.inits = self._count(_INIT)
        self.completed = self._count(_INIT_DONE)

    def _count(self, mark: str) -> int:
        return sum(mark in line for line in self._lines)

    def doing(self, *, until: int | None = None) -> str:
        """Return what ran at the line `until`, such as ``"while init() ran"``, or ``""``."""
        for line in reversed(self._lines[:until]):
            if _READY in line or _INIT_DONE in line:
                return "while it served"
            if _INIT in line:
                return "while init() ran"
            if _BOOTING in line:
                return "while the script was imported"
        return ""

    @property
    def doing_when_killed(self) -> str:
        """Return what ran when a worker was last killed, or else at the end."""
        numbers = range(len(self._lines) - 1, -1, -1)
        return self.doing(until=next((n for n in numbers if _KILLED in self._lines[n]), None))

    @property
    def is_in_init(self) -> bool:
        """Whether init() has started and has not ended."""
        return self.doing() == "while init() ran"

    @property
    def ends_silently(self) -> str:
        """Where the worker ends repeatedly without output; ``""`` if it does not."""
        if self.completed or self.boots < _FEWEST_ENDS:
            return ""
        return "init()" if self.inits >= self.boots - 1 else "the import of the script"

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that servers listen on."""
        found = (_LISTENING.search(line) for line in self._lines)
        return tuple(dict.fromkeys(int(match["port"]) for match in found if match))

    @property
    def has_begun(self) -> bool:
        """Whether anything except the place that runs it has written a line."""
        return any(line.strip() and not line.startswith(_OF_PLACE) for line in self._lines)

    @cached_property
    def entry_script(self) -> str:
        """The path of the entry script in the bundle, or ``""``."""
        found = (_SCRIPT.search(line) for line in reversed(self._lines))
        match = next((each for each in found if each), None)
        return place_in_bundle(match["path"]) if match else ""

    @cached_property
    def written_by(self) -> str:
        """The version of scikit-learn that wrote the model, if a warning names it, or ``""``."""
        found = (_WRITTEN_BY.search(line) for line in self._lines)
        match = next((each for each in found if each), None)
        return match["version"] if match else ""

    @property
    def ready_line(self) -> int | None:
        """The last line that reports the server as ready; None if it never was."""
        marks = (n for n in range(len(self._lines) - 1, -1, -1) if _READY in self._lines[n])
        return next(marks, None)

    @property
    def ready_at(self) -> str:
        """The time at which the server was last ready, such as ``"2026-11-22 23:20:03"``."""
        match = _TIME.match(self._lines[self.ready_line or 0]) if self._lines else None
        return match[0] if match and self.ready_line is not None else ""

    @property
    def unfinished_step(self) -> str:
        """The first step of an endpoint's instance that has not succeeded, or ``""``."""
        last = max((n for n, line in enumerate(self._lines) if _STATUS in line), default=None)
        if last is None:
            return ""
        steps = (_STEP.fullmatch(line.strip()) for line in self._lines[last + 1 : last + 6])
        waiting = (step["name"] for step in steps if step and step["state"] != "Succeeded")
        return next(waiting, "")

    def model_files(self, *, after: int) -> tuple[str, ...] | None:
        """Return the server's listing of the model directory; None if it did not list it.

        It does so once init() has failed: first the folder itself, then its contents.
        """
        for number in range(after, min(after + 60, len(self._lines))):
            if _FILES_HEADING in self._lines[number]:
                return _listing(self._lines[number + 1 :])
        return None


def _listing(lines: Sequence[str]) -> tuple[str, ...]:
    files: list[str] = []
    folders: list[str] = []
    for line in lines:
        match = _LISTED.search(line)
        if match is None or " gunicorn" in line:
            break
        depth = len(match["indent"]) // _LEVEL
        name = match["name"]
        folders = folders[:depth]
        if name.endswith("/"):
            folders.append(name)
        else:
            files.append("".join(folders[1:]) + name)
    return tuple(files)
