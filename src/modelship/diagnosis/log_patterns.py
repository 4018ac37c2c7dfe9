"""Explain log lines other than tracebacks: signs, crashes, time limits, and Azure's quotes.

Signs are lines of the server, Docker, Kubernetes and Azure that show a cause. Each is found by a
literal substring, which is fast in a long log; a pattern then extracts the names from the line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from modelship.diagnosis.diagnosis_tables import table
from modelship.diagnosis.exceptions import explain_exception
from modelship.diagnosis.probes import failed_before_ready, init_outlasts_probes
from modelship.diagnosis.tracebacks import Frame
from modelship.findings import RULES, Diagnosis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from modelship.diagnosis.facts import Surroundings
    from modelship.diagnosis.timeline import Timeline
    from modelship.diagnosis.tracebacks import Traceback

__all__ = ["DECISIVE", "TELLING", "Candidate", "of_lines", "quoted_exceptions", "worker_timeout"]

_EVIDENCE_CHARS = 300
# Azure's messages for exceptions with a traceback in the log, which is more specific.
_ENTRY_SCRIPT = re.compile(
    r"Error in entry script, (?P<kind>[\w.]+): (?P<message>.*?)(?:, please run print.*)?$"
)
_CRASH_FRAME = re.compile(r'^\s+File "(?P<path>[^"]+)", line (?P<line>\d+) in ')
_CRASH_LINES = 60
_TIMEOUT = re.compile(r"WORKER TIMEOUT \(pid: ?\d+\)")
_MOST_TRIED = 20

DECISIVE: Final = 3
"""It names the cause, like a traceback."""
TELLING: Final = 2
"""It names the event in another program's words; a traceback is more specific."""
_HINT: Final = 1
"""It shows that something failed; a line that says why takes precedence."""


@dataclass(frozen=True)
class Candidate:
    """One explanation: its weight, and its line in the log, counted from 0."""

    weight: int
    line: int
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Sign:
    """A kind of line, and its meaning: a row of ``signs.yaml``, which describes the fields.

    Those of Azure ML's online endpoints are in ``endpoint_signs.yaml``.
    """

    code: str
    mark: str
    problem: str
    pattern: str = ""
    advice: str = ""
    weight: int = DECISIVE


def quoted_exceptions(lines: Sequence[str], *, around: Surroundings) -> list[Candidate]:
    """Parse an exception quoted by Azure."""
    found = []
    for number, line in enumerate(lines):
        match = _ENTRY_SCRIPT.search(line) if "Error in entry script" in line else None
        if match:
            evidence = (f"{match['kind']}: {match['message']}",)
            diagnosis = explain_exception(
                match["kind"], match["message"], phase="init", evidence=evidence, around=around
            )
            found.append(Candidate(TELLING, number, diagnosis))
    return found


def of_lines(
    lines: Sequence[str], timeline: Timeline, *, inside: Sequence[Sequence[Traceback]]
) -> list[Candidate]:
    """Return the explanations of single lines, except those `inside` tracebacks."""
    taken = {n for chain in inside for each in chain for n in range(each.first, each.last + 1)}
    found = [
        Candidate(sign.weight, number, _of_sign(sign, match, lines, number, timeline))
        for sign, number, match in _signs_in(lines, taken=taken)
        if not failed_before_ready(lines[number], timeline)
    ]
    if outlasted := init_outlasts_probes(lines, timeline):
        found.append(Candidate(TELLING, *outlasted))
    timeouts = [number for number, line in enumerate(lines) if _TIMEOUT.search(line)]
    if timeouts:
        line = timeouts[-1]
        frame = _crash_frame(lines, line)
        diagnosis = worker_timeout(timeline, line, (lines[line].strip(),), frame)
        # The abort that follows looks like a crash; it is one that the server requested.
        found.append(Candidate(DECISIVE, line + _CRASH_LINES, diagnosis))
    return found


def worker_timeout(
    timeline: Timeline, line: int, evidence: tuple[str, ...], frame: Frame | None
) -> Diagnosis:
    """Return that gunicorn has aborted a worker, as the line `line` of a log shows."""
    in_init = timeline.doing(until=line) == "while init() ran"
    code, what = ("MS504", "init()") if in_init else ("MS405", "run()")
    return RULES[code].diagnosis(
        f"{what} took longer than the worker timeout of the server.",
        evidence=evidence,
        where=frame.where if frame else "",
    )


def _signs_in(
    lines: Sequence[str], *, taken: Collection[int]
) -> Iterator[tuple[Sign, int, re.Match[str]]]:
    """Yield the last line for each known sign, except the `taken` ones."""
    text = "\n".join(lines)
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    for sign in _known_signs():
        for line in _lines_with(sign.mark, text, starts):
            match = re.search(sign.pattern, lines[line])
            if match and line not in taken:
                yield sign, line, match
                break


def _of_sign(
    sign: Sign, match: re.Match[str], lines: Sequence[str], number: int, timeline: Timeline
) -> Diagnosis:
    names = match.groupdict(default="")
    cause = sign.problem.format(**names)
    if not cause.endswith("."):
        cause = f"{cause} {timeline.doing(until=number)}".rstrip() + "."
    crash = _crash_frame(lines, number) if sign.code == "MS507" else None
    shown = [f'File "{crash.place}", line {crash.line}'] if crash else []
    return RULES[sign.code].diagnosis(
        cause,
        evidence=(match.string.strip()[:_EVIDENCE_CHARS], *shown),
        where=crash.where if crash else "",
        advice=sign.advice.format(**names),
    )


def _lines_with(mark: str, text: str, starts: Sequence[int]) -> Iterator[int]:
    end = len(text)
    for _ in range(_MOST_TRIED):
        position = text.rfind(mark, 0, end)
        if position < 0:
            return
        line = bisect_right(starts, position) - 1
        yield line
        end = starts[line]


@cache
def _known_signs() -> tuple[Sign, ...]:
    weights = {"DECISIVE": DECISIVE, "TELLING": TELLING, "HINT": _HINT}
    rows = [*table("signs"), *table("endpoint_signs")]
    return tuple(Sign(**{**row, "weight": weights[row.get("weight", "DECISIVE")]}) for row in rows)


def _crash_frame(lines: Sequence[str], line: int) -> Frame | None:
    """Return the script's innermost frame in the crash report of Python's faulthandler."""
    begin = max(0, line - _CRASH_LINES)
    for text in lines[begin : line + _CRASH_LINES]:
        match = _CRASH_FRAME.match(text)
        if match:
            frame = Frame(match["path"], int(match["line"]), "")
            if frame.place:
                return frame
    return None
