"""Explain log lines other than tracebacks: signs, crashes, time limits, and Azure's quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelship.diagnosis.exceptions import explain_exception
from modelship.diagnosis.signs import DECISIVE, TELLING, Candidate, SignFound, find_signs
from modelship.diagnosis.tracebacks import Frame
from modelship.findings import RULES, Diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.diagnosis.facts import Surroundings
    from modelship.diagnosis.timeline import Timeline
    from modelship.diagnosis.tracebacks import Traceback

__all__ = ["of_lines", "quoted_exceptions"]

_EVIDENCE_CHARS = 300
# Azure's messages for exceptions with a traceback in the log, which is more specific.
_ENTRY_SCRIPT = re.compile(
    r"Error in entry script, (?P<kind>[\w.]+): (?P<message>.*?)(?:, please run print.*)?$"
)
_CRASH_FRAME = re.compile(r'^\s+File "(?P<path>[^"]+)", line (?P<line>\d+) in ')
_CRASH_LINES = 60
_TIMEOUT = re.compile(r"WORKER TIMEOUT \(pid: ?\d+\)")


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
    spans = [range(each.first, each.last + 1) for chain in inside for each in chain]
    found = [
        Candidate(sign.sign.weight, sign.line, _of_sign(sign, lines, timeline))
        for sign in find_signs(lines, inside=spans)
    ]
    timeouts = [number for number, line in enumerate(lines) if _TIMEOUT.search(line)]
    if timeouts:
        found.append(_worker_timeout(lines, timeouts[-1], timeline))
    return found


def _of_sign(sign: SignFound, lines: Sequence[str], timeline: Timeline) -> Diagnosis:
    cause = sign.problem
    if not cause.endswith("."):
        cause = f"{cause} {timeline.doing(until=sign.line)}".rstrip() + "."
    crash = _crash_frame(lines, sign.line) if sign.sign.code == "MS507" else None
    evidence = [sign.text.strip()[:_EVIDENCE_CHARS]]
    if crash is not None:
        evidence.append(f'File "{crash.place}", line {crash.line}')
    return RULES[sign.sign.code].diagnosis(
        cause,
        evidence=tuple(evidence),
        where=crash.where if crash else "",
        advice=sign.advice,
    )


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


def _worker_timeout(lines: Sequence[str], line: int, timeline: Timeline) -> Candidate:
    in_init = timeline.doing(until=line) == "while init() ran"
    code, what = ("MS504", "init()") if in_init else ("MS405", "run()")
    frame = _crash_frame(lines, line)
    diagnosis = RULES[code].diagnosis(
        f"{what} took longer than the worker timeout of the server.",
        evidence=(lines[line].strip(),),
        where=frame.where if frame else "",
    )
    # The abort that follows looks like a crash; it is one that the server requested.
    return Candidate(DECISIVE, line + _CRASH_LINES, diagnosis)
