"""Run init() and run() in the bundle's own environment, under the limits of a profile."""

from __future__ import annotations

import posixpath
import time
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.generated import TABLES
from modelship.bundle.layout import model_files, source_folder
from modelship.diagnosis import Surroundings
from modelship.diagnosis.redaction import hidden
from modelship.findings import RULES
from modelship.progress import doing
from modelship.runtime.descendants import memory_of_descendants
from modelship.runtime.workbench import workbench

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.profile import Profile
    from modelship.bundle.resources import Resources
    from modelship.findings import Finding
    from modelship.runtime.workbench import Program

__all__ = ["Trial", "try_out"]

_CHILD: Final = Path(__file__).with_name("trial_child.py")
_VARIABLES: Final = {"PYTHONFAULTHANDLER": "1"}
_PAUSE_S: Final = 0.02  # between two looks at its memory
# Until the server's own modules are imported, a failure is not the script's fault.
_STARTING_S: Final = 120.0
_LOG_BYTES: Final = 64 * 1024
_DOING: Final = {"import": "import the script", "init": "try init()", "run": "try run()"}


@dataclass(frozen=True)
class Trial:
    """The outcome of trying a script.

    Parameters
    ----------
    lines : tuple[Mapping, ...]
        The child's reports, phase by phase.
    log : str
        The end of the script's output.
    exit_code : int
        The child's exit code; negative for a signal.
    peak_bytes : int
        Its peak memory, in bytes.
    ended_for : {"", "memory", "time", "deadline"}
        Why it was terminated from outside, if it was.
    app : str
        The folder of its source.
    entry_script : str
        The path of the script in it.
    model_files : tuple[str, ...]
        The contents of the model directory.
    around : Surroundings
        Other facts known about the bundle.
    """

    lines: tuple[Mapping[str, Any], ...]
    log: str
    exit_code: int
    peak_bytes: int
    ended_for: str = ""
    app: str = ""
    entry_script: str = ""
    model_files: tuple[str, ...] = ()
    around: Surroundings = field(default_factory=Surroundings)

    @property
    def known(self) -> Surroundings:
        """The facts known about the bundle."""
        return replace(self.around, model_files=self.model_files)

    @property
    def last(self) -> Mapping[str, Any]:
        """The child's last report."""
        return self.lines[-1] if self.lines else {"phase": "start"}

    @property
    def phase(self) -> str:
        """The phase that it reached."""
        return str(self.last["phase"])

    def finding(self, code: str, problem: str, **more: Any) -> Finding:
        """Return a finding of a rule, in the script unless another path is given."""
        return RULES[code].finding(problem, **{"path": self.entry_script, **more})

    def place_in(self, frames: Iterable[Sequence[Any]]) -> tuple[str, int | None] | None:
        """Return the innermost line of the bundle's own code, excluding generated code."""
        for name, line, _ in reversed([*frames]):
            path = self.path_of(name)
            if path and not path.startswith(f"{TABLES}/"):
                return path, line
        return None

    def path_of(self, name: str) -> str:
        """Return the path of a file within the source, or ``""``."""
        path = PurePath(name)
        return path.relative_to(self.app).as_posix() if path.is_relative_to(self.app) else ""

    def seconds(self, phase: str) -> float:
        """Return how long a phase took; 0 if it was not entered or not completed."""
        for one, other in zip(self.lines, self.lines[1:], strict=False):
            if one["phase"] == phase:
                return float(other["at_s"] - one["at_s"])
        return 0.0


def try_out(
    bundle: ScoringBundle,
    *,
    profile: Profile,
    timeout_s: float,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Trial:
    """Try a bundle's script in a separate process, and return the outcome.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle to try.
    profile : Profile
        The limits to enforce.
    timeout_s : float
        The time limit for everything, including the creation of the environment.
    environment : Mapping[str, str]
        The service's environment variables, including secrets.

    Raises
    ------
    EnvironmentSpecError
        If the bundle's environment cannot be created here.
    DigestMismatchError
        If a model file has changed since the bundle was created.
    """
    end_s = time.monotonic() + timeout_s
    source = source_folder(bundle.source, apart=profile.source_apart)
    with workbench(bundle, timeout_s=timeout_s, source=source) as bench:
        arguments: list[object] = [posixpath.normpath(f"{source}/{bundle.entry_script}")]
        if bundle.sample_json is not None:
            sample = bench.folder / "sample.json"
            sample.write_text(bundle.sample_json)
            arguments.append(sample)
        with bench.run(_CHILD, *arguments, **{**environment, **_VARIABLES}) as program:
            watch = _Watch(program, profile=profile, resources=bundle.resources, end_s=end_s)
            ended_for = watch.until_the_end()
            exit_code = program.end()
            watch.listen()
            return Trial(
                lines=tuple(map(_hidden, watch.lines)),
                log=hidden(program.log(tail_bytes=_LOG_BYTES)),
                exit_code=exit_code,
                peak_bytes=max(watch.peak_bytes, watch.told_bytes),
                ended_for=ended_for,
                app=str(bench.app / source),
                entry_script=bundle.entry_script,
                model_files=tuple(model_files(bundle.models)),
            )


def _hidden(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a child's report, with secrets removed from the exceptions that the script raised."""
    texts = {
        key: hidden(told[key]) for key in ("message", "traceback", "error", "hint") if key in told
    }
    caught = [_hidden(each) for each in told.get("caught", ())]
    return {**told, **texts, "caught": caught}


class _Watch:
    """Reads the child's reports, and decides when to terminate it."""

    def __init__(
        self, program: Program, *, profile: Profile, resources: Resources, end_s: float
    ) -> None:
        self.lines: list[Mapping[str, Any]] = []
        self.peak_bytes = 0
        self._program = program
        self._profile = profile
        self._resources = resources
        self._end_s = end_s

    @property
    def told_bytes(self) -> int:
        """The peak memory that the child reports; 0 if it did not finish."""
        return int(self.lines[-1].get("peak_bytes", 0)) if self.lines else 0

    def until_the_end(self) -> str:
        """Return when the child exits, or the reason to terminate it."""
        phase, since = "", time.monotonic()
        with doing("start the script's Python") as say:
            while not self._program.ends_within(_PAUSE_S):
                self.listen()
                now = str(self.lines[-1]["phase"]) if self.lines else ""
                if now != phase:
                    phase, since = now, time.monotonic()
                    say(_DOING.get(phase, "try the script"))
                if why := self._beyond(phase, time.monotonic() - since):
                    return why
        return ""

    def listen(self) -> None:
        told = self._program.told()
        self.lines += [line for line in told if "phase" in line and "at_s" in line]

    def _beyond(self, phase: str, seconds: float) -> str:
        """Return the limit that is exceeded, or ``""``."""
        self.peak_bytes = max(self.peak_bytes, memory_of_descendants(self._program.pid))
        limits = {"": _STARTING_S, "run": self._profile.scoring_timeout_s}
        if self._profile.limits_memory and self.peak_bytes > self._resources.memory_bytes:
            return "memory"
        if seconds > limits.get(phase, self._profile.start_timeout_s):
            return "time"
        return "deadline" if time.monotonic() > self._end_s else ""
