"""The trial: init() and run() in the bundle's own environment, under the limits of a profile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from modelship.bundle.environments import environment_python, service_variables
from modelship.bundle.store import model_folder, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.profile import Profile

__all__ = ["Trial", "try_out"]

_CHILD: Final = Path(__file__).with_name("trial_child.py")
_PAUSE_S: Final = 0.01
# Until the server's own modules are there, which is no fault of the script.
_STARTING_S: Final = 120.0
_LOG_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Trial:
    """What happened when a script was tried.

    Parameters
    ----------
    lines : tuple[Mapping, ...]
        What the child told, phase by phase.
    log : str
        The end of what the script wrote.
    exit_code : int
        Of the child; negative for a signal.
    peak_bytes : int
        The most memory that it held, in bytes.
    ended_for : {"", "memory", "time", "deadline"}
        Why it was ended from outside, if it was.
    app : str
        The folder that it ran in.
    """

    lines: tuple[Mapping[str, Any], ...]
    log: str
    exit_code: int
    peak_bytes: int
    ended_for: str = ""
    app: str = ""

    @property
    def last(self) -> Mapping[str, Any]:
        """The last thing that the child told."""
        return self.lines[-1] if self.lines else {"phase": "start"}

    @property
    def phase(self) -> str:
        """The phase that it came to."""
        return str(self.last["phase"])

    def seconds(self, phase: str) -> float:
        """Return how long a phase took; 0 if it was not entered, or not left."""
        for one, other in zip(self.lines, self.lines[1:], strict=False):
            if one["phase"] == phase:
                return float(other["at_s"] - one["at_s"])
        return 0.0


def try_out(bundle: ScoringBundle, *, profile: Profile, timeout_s: float) -> Trial:
    """Try a bundle's script in a process of its own, and return what happened.

    Parameters
    ----------
    bundle : ScoringBundle
        What to try.
    profile : Profile
        The limits that hold.
    timeout_s : float
        How long all of it may take, the making of the environment included.

    Raises
    ------
    EnvironmentSpecError
        If the bundle's environment cannot be made here.
    DigestMismatchError
        If a model file is not what it was when the bundle was made.
    """
    end_s = time.monotonic() + timeout_s
    python = environment_python(bundle.lock, timeout_s=timeout_s)
    with tempfile.TemporaryDirectory(prefix="modelship-trial-") as folder:
        app = Path(folder) / "app"
        stage(bundle, app)
        arguments = [bundle.entry_script]
        if bundle.sample_json is not None:
            sample = Path(folder) / "sample.json"
            sample.write_text(bundle.sample_json)
            arguments.append(str(sample))
        run = _Run(
            app,
            log=Path(folder) / "log",
            profile=profile,
            resources=bundle.resources,
            end_s=end_s,
        )
        return run.until_the_end(
            [python, _CHILD],
            arguments,
            environment={
                **service_variables(python, app_root=app, model_dir=app / model_folder(bundle)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONFAULTHANDLER": "1",
            },
        )


@dataclass
class _Run:
    """One child, watched until it ends or has to be ended."""

    app: Path
    log: Path
    profile: Profile
    resources: Any
    end_s: float
    told: bytearray = field(default_factory=bytearray)
    peak_bytes: int = 0
    ended_for: str = ""

    def until_the_end(
        self, command: list[Path], arguments: list[str], *, environment: Mapping[str, str]
    ) -> Trial:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            with self.log.open("wb") as log:
                child = subprocess.Popen(
                    [*command, str(writing), *arguments],
                    cwd=self.app,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[writing],
                    start_new_session=True,
                )
            os.close(writing)
            try:
                self._watch(child, reading)
            finally:
                _end(child)
            self._read(reading)
        finally:
            os.close(reading)
        return self._trial(child.returncode)

    def _watch(self, child: subprocess.Popen[bytes], reading: int) -> None:
        phase, since = "", time.monotonic()
        while True:
            try:
                child.wait(_PAUSE_S)
            except subprocess.TimeoutExpired:
                pass
            else:
                return
            self._read(reading)
            now = self._phase()
            if now != phase:
                phase, since = now, time.monotonic()
            if not self._within_limits(child.pid, phase, time.monotonic() - since):
                return

    def _within_limits(self, pid: int, phase: str, seconds: float) -> bool:
        self.peak_bytes = max(self.peak_bytes, _memory_bytes(pid))
        limits = {"": _STARTING_S, "run": self.profile.scoring_timeout_s}
        limit_s = limits.get(phase, self.profile.start_timeout_s)
        if self.profile.limits_memory and self.peak_bytes > self.resources.memory_bytes:
            self.ended_for = "memory"
        elif seconds > limit_s:
            self.ended_for = "time"
        elif time.monotonic() > self.end_s:
            self.ended_for = "deadline"
        return not self.ended_for

    def _read(self, reading: int) -> None:
        while True:
            try:
                chunk = os.read(reading, 1 << 16)
            except BlockingIOError:
                return
            if not chunk:
                return
            self.told += chunk

    def _phase(self) -> str:
        lines = list(_lines(self.told))
        return str(lines[-1]["phase"]) if lines else ""

    def _trial(self, exit_code: int) -> Trial:
        lines = tuple(_lines(self.told))
        told = [int(line.get("peak_bytes", 0)) for line in lines]
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LOG_BYTES))
            text = log.read().decode(errors="replace")
        return Trial(
            lines=lines,
            log=text,
            exit_code=exit_code,
            peak_bytes=max([self.peak_bytes, *told]),
            ended_for=self.ended_for,
            app=str(self.app),
        )


def _lines(told: bytes | bytearray) -> Iterator[Mapping[str, Any]]:
    """Yield what was told; a line that was cut short by a kill is no line."""
    for line in bytes(told).split(b"\n")[:-1]:
        try:
            found = json.loads(line)
        except ValueError:  # the script found the descriptor, and wrote to it
            continue
        if isinstance(found, dict) and "phase" in found and "at_s" in found:
            yield found


def _memory_bytes(pid: int) -> int:
    """Return the memory that a process and its children hold."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family)
    except psutil.Error:  # one of them ended meanwhile
        return 0


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child with all that it started, and reap it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
