"""The process that the script answers in: it is watched, and ended with all that it started."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.parity.answers import ENDED, MOST_BYTES, TOO_LARGE, TOO_SLOW, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Child"]

_SCRIPT: Final = Path(__file__).with_name("in_process_child.py")
_PAUSE_S: Final = 0.005
_LOG_BYTES: Final = 1 << 20  # of its end; a script may print without end
_FAILURES: Final = {"too large": TOO_LARGE, "ended": ENDED}


class Child:
    """One process that answers until it ends, or has to be ended.

    Parameters
    ----------
    python : Path
        The environment's Python.
    folder : Path
        Where ``app`` and ``requests`` are, and its log will be.
    environment : Mapping[str, str]
        Its variables.
    start_timeout_s : float
        How long it may take until it answers the first request.
    """

    def __init__(
        self, python: Path, folder: Path, *, environment: Mapping[str, str], start_timeout_s: float
    ) -> None:
        self._python = python
        self._folder = folder
        self._environment = environment
        self._start_timeout_s = start_timeout_s
        self._told = bytearray()
        self.has_started = False

    @property
    def log(self) -> str:
        """The end of what it wrote."""
        with (self._folder / "log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_BYTES))
            return log.read().decode(errors="replace")

    def answer(self, answers: list[Answer], *, count: int, timeout_s: float) -> str:
        """Go on with `answers` up to `count` of them; return why it stopped before, or ``""``."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            try:
                child = self._start(writing, first=len(answers))
            finally:
                os.close(writing)
            try:
                return self._collect(child, reading, answers, count=count, timeout_s=timeout_s)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        finally:
            os.close(reading)

    def _start(self, writing: int, *, first: int) -> subprocess.Popen[bytes]:
        arguments = (writing, self._folder / "requests", first, MOST_BYTES)
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [str(each) for each in (self._python, _SCRIPT, *arguments)],
                cwd=self._folder / "app",
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                start_new_session=True,
            )

    def _collect(
        self,
        child: subprocess.Popen[bytes],
        reading: int,
        answers: list[Answer],
        *,
        count: int,
        timeout_s: float,
    ) -> str:
        end_s = time.monotonic() + self._start_timeout_s
        while len(answers) < count:
            has_ended = child.poll() is not None  # before reading: what it said last counts
            if self._read(reading, answers):
                end_s = time.monotonic() + timeout_s
            elif has_ended:
                return ENDED
            elif time.monotonic() > end_s:
                return TOO_SLOW
            else:
                time.sleep(_PAUSE_S)
        return ""

    def _read(self, reading: int, answers: list[Answer]) -> bool:
        """Take what was told meanwhile, and tell whether there was a whole line."""
        lines: list[bytes] = []
        with suppress(BlockingIOError):
            while chunk := os.read(reading, 1 << 16):
                self._told += chunk
                if b"\n" in chunk:
                    *whole, rest = bytes(self._told).split(b"\n")
                    lines += whole
                    self._told = bytearray(rest)
        told = [each for line in lines if (each := _parsed(line)) is not None]
        self.has_started = self.has_started or bool(told)
        answers += [_answer(each) for each in told if each]
        return bool(told)


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:  # the script found the descriptor, and wrote to it
        return None
    return told if isinstance(told, dict) else None


def _answer(told: Mapping[str, Any]) -> Answer:
    if "failure" in told:
        return Answer(failure=_FAILURES[told["failure"]])
    headers = [(name, value) for name, value in told["headers"]]
    return Answer.of(told["status"], headers, base64.b64decode(told["body"]))
