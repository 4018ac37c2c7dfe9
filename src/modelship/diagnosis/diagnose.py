"""From a log and a few facts to the one cause that explains the most."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelship.diagnosis.circumstances import explain_circumstances, explain_end
from modelship.diagnosis.exceptions import explain_exactly, explain_exception, explain_plainly
from modelship.diagnosis.facts import Facts
from modelship.diagnosis.known_signs import SIGNS
from modelship.diagnosis.raised import Phase, Raised
from modelship.diagnosis.reading import clean_lines, error_document
from modelship.diagnosis.redaction import redacted
from modelship.diagnosis.signs import DECISIVE, TELLING, SignFound, find_signs
from modelship.diagnosis.timeline import Timeline
from modelship.diagnosis.tracebacks import Frame, Traceback, chains
from modelship.findings import RULES, Diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["diagnose", "is_known"]

_UNKNOWN = "MS699"
_LAST_LINES = 12
_FEW_LINES = 4
_EVIDENCE_CHARS = 300
# Azure's own words for what the log has a traceback of, which is the better source.
_ENTRY_SCRIPT = re.compile(
    r"Error in entry script, (?P<kind>[\w.]+): (?P<message>.*?)(?:, please run print.*)?$"
)
_CRASH_FRAME = re.compile(r'^\s+File "(?P<path>[^"]+)", line (?P<line>\d+) in ')
_CRASH_LINES = 60
_TIMEOUT = re.compile(r"WORKER TIMEOUT \(pid: ?\d+\)")
_OF_SCRIPT = "MS1"
_PHASES: dict[str, Phase] = {"<module>": "import", "init": "init", "run": "run"}
_OF_SIGNALS = frozenset({"MS505", "MS507"})


@dataclass(frozen=True)
class _Found:
    """One candidate: how much it says, and in which line."""

    weight: int
    line: int
    diagnosis: Diagnosis


def diagnose(log: str, *, facts: Facts = Facts()) -> Diagnosis:  # noqa: B008 - it is frozen
    """Return why a service does not run.

    Parameters
    ----------
    log : str
        What it wrote; also as Docker, kubectl or Azure hand it out. Of more than four million
        characters the beginning and the end are read.
    facts : Facts
        What the place that runs it says.

    Returns
    -------
    Diagnosis
        With the code ``MS699`` and the last lines if no cause is known; see :func:`is_known`.
    """
    if facts.error is None and (document := error_document(log)) is not None:
        facts = replace(facts, error=document)
    lines = clean_lines(log)
    timeline = Timeline(lines)
    # What the place says comes last, since it was said when all was over.
    read = [*lines, *facts.sentences]
    raised = chains(lines)
    exceptions = [_exception(chain, timeline) for chain in raised]
    signs = _signs(read, timeline, inside=raised)
    found = _best([each for each in (*exceptions, *_entry_script(read), *signs) if each])
    ended = explain_end(facts, timeline)
    if ended is not None and not (found and _tells_more(found.diagnosis)):
        return redacted(_with_lines(ended, facts.sentences))
    if found is not None and found.weight >= TELLING:
        return redacted(_sharpened(found.diagnosis, facts))
    if found is not None and not facts.is_timed_out:
        return redacted(_among_lines(found.diagnosis, lines))
    told = explain_circumstances(facts, timeline)
    if told is not None:
        return redacted(_with_lines(told, _last(lines)[-_FEW_LINES:]))
    return redacted(_among_lines(found.diagnosis, lines) if found else _unknown(lines, facts))


def is_known(diagnosis: Diagnosis) -> bool:
    """Tell whether a diagnosis names a cause."""
    return diagnosis.code != _UNKNOWN


def _tells_more(diagnosis: Diagnosis) -> bool:
    """Whether the log knows the line of what an exit code says as well."""
    return diagnosis.code in _OF_SIGNALS and bool(diagnosis.where)


def _best(found: Sequence[_Found]) -> _Found | None:
    """Return what says the most; among equals what came last."""
    return max(found, key=lambda each: (each.weight, each.line), default=None)


def _unknown(lines: Sequence[str], facts: Facts) -> Diagnosis:
    said = f": {facts.problem.rstrip('.')}" if facts.problem else ""
    cause = f"No cause that is known shows in the log{said}."
    return RULES[_UNKNOWN].diagnosis(cause, evidence=_last(lines))


def _last(lines: Sequence[str]) -> tuple[str, ...]:
    told = [line[:_EVIDENCE_CHARS] for line in lines[-200:] if line.strip()]
    return tuple(told[-_LAST_LINES:])


def _with_lines(diagnosis: Diagnosis, lines: Sequence[str]) -> Diagnosis:
    return diagnosis if diagnosis.evidence else replace(diagnosis, evidence=tuple(lines))


def _among_lines(diagnosis: Diagnosis, lines: Sequence[str]) -> Diagnosis:
    """Add the end of the log to a mere hint, since the cause stands there if anywhere."""
    before = [line for line in _last(lines)[-_FEW_LINES:] if line.strip() not in diagnosis.evidence]
    return replace(diagnosis, evidence=(*before, *diagnosis.evidence))


def _sharpened(diagnosis: Diagnosis, facts: Facts) -> Diagnosis:
    """Add the limit, where the log alone does not tell it."""
    if diagnosis.code != "MS505" or not facts.memory_bytes:
        return diagnosis
    limit_gb = facts.memory_bytes / 2**30
    remedy = f"Ask for more, such as memory_gb={2 * limit_gb:g}, or load less."
    cause = f"{diagnosis.cause.rstrip('.')} (its limit is {limit_gb:g} GiB)."
    return replace(diagnosis, cause=cause, remedy=remedy)


# --- exceptions -------------------------------------------------------------------------


def _exception(chain: Sequence[Traceback], timeline: Timeline) -> _Found | None:
    diagnosis = _of_chain(chain, timeline)
    return _Found(DECISIVE, chain[-1].last, diagnosis) if diagnosis else None


def _of_chain(chain: Sequence[Traceback], timeline: Timeline) -> Diagnosis | None:
    """Explain exceptions that were raised from each other, by the last one that a rule knows."""
    own = [each for each in chain if not each.is_wrapper]
    if not own:
        return None
    if _is_aborted(own[-1]):
        return _timed_out(own[-1], timeline)
    phase = _phase(chain)
    raised = [_raised(each, own, phase, timeline) for each in own]
    exact = (explain_exactly(each) for each in reversed(raised))
    known = next((each for each in exact if each is not None), None)
    diagnosis = known or explain_plainly(raised[-1])
    if not diagnosis.where and diagnosis.code.startswith(_OF_SCRIPT):
        return replace(diagnosis, where=timeline.script)
    return diagnosis


def _raised(
    traceback: Traceback, chain: Sequence[Traceback], phase: Phase, timeline: Timeline
) -> Raised:
    # The first exception of a chain may have left the script's lines to the last one.
    frames = traceback.script_frames or chain[-1].script_frames
    return Raised(
        kind=traceback.kind.rpartition(".")[2],
        message=traceback.message,
        phase=phase,
        where=frames[-1].where if frames else "",
        evidence=traceback.evidence,
        library=traceback.library,
        model_files=timeline.model_files(after=chain[-1].last),
        written_by=timeline.written_by,
    )


def _phase(chain: Sequence[Traceback]) -> Phase:
    """Tell by the server's own steps what it was doing; or else by the script's first one."""
    functions = {frame.function for each in chain for frame in each.frames}
    if functions & {"invoke_run", "handle_score", "handle_request"}:
        return "run"
    if "invoke_init" in functions:
        return "init"
    if "load_script" in functions:
        return "import"
    steps = (frame.function for each in chain for frame in each.script_frames)
    outer = next((each for each in steps if each in _PHASES), "<module>")
    return "run" if "dispatch_request" in functions else _PHASES[outer]


# --- the server's time limit ------------------------------------------------------------


def _is_aborted(traceback: Traceback) -> bool:
    """Whether gunicorn ended the worker, which looks as if the script had called sys.exit()."""
    return any(frame.function == "handle_abort" for frame in traceback.frames)


def _timed_out(traceback: Traceback, timeline: Timeline) -> Diagnosis:
    frames = traceback.script_frames
    in_init = timeline.doing(until=traceback.first) == "while init() ran"
    code, what = ("MS504", "init()") if in_init else ("MS405", "run()")
    return RULES[code].diagnosis(
        f"{what} took longer than the server gives its worker.",
        evidence=traceback.evidence[:-1],
        where=frames[-1].where if frames else "",
    )


# --- other lines ------------------------------------------------------------------------


def _entry_script(lines: Sequence[str]) -> list[_Found]:
    """Read what Azure quotes of an exception."""
    found = []
    for number, line in enumerate(lines):
        match = _ENTRY_SCRIPT.search(line) if "Error in entry script" in line else None
        if match:
            evidence = (f"{match['kind']}: {match['message']}",)
            diagnosis = explain_exception(
                match["kind"], match["message"], phase="init", evidence=evidence
            )
            found.append(_Found(TELLING, number, diagnosis))
    return found


def _signs(
    lines: Sequence[str], timeline: Timeline, *, inside: Sequence[Sequence[Traceback]]
) -> list[_Found]:
    spans = [range(each.first, each.last + 1) for chain in inside for each in chain]
    found = [
        _Found(sign.sign.weight, sign.line, _of_sign(sign, lines, timeline))
        for sign in find_signs(lines, SIGNS, inside=spans)
    ]
    timeouts = [number for number, line in enumerate(lines) if _TIMEOUT.search(line)]
    if timeouts:
        found.append(_worker_timeout(lines, timeouts[-1], timeline))
    return found


def _of_sign(sign: SignFound, lines: Sequence[str], timeline: Timeline) -> Diagnosis:
    cause = sign.cause
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
        remedy=sign.remedy,
    )


def _crash_frame(lines: Sequence[str], line: int) -> Frame | None:
    """Return where in the script Python's faulthandler says that it crashed, most recent first."""
    begin = max(0, line - _CRASH_LINES)
    for text in lines[begin : line + _CRASH_LINES]:
        match = _CRASH_FRAME.match(text)
        if match:
            frame = Frame(match["path"], int(match["line"]), "")
            if frame.place:
                return frame
    return None


def _worker_timeout(lines: Sequence[str], line: int, timeline: Timeline) -> _Found:
    in_init = timeline.doing(until=line) == "while init() ran"
    code, what = ("MS504", "init()") if in_init else ("MS405", "run()")
    frame = _crash_frame(lines, line)
    diagnosis = RULES[code].diagnosis(
        f"{what} took longer than the server gives its worker.",
        evidence=(lines[line].strip(),),
        where=frame.where if frame else "",
    )
    # The abort that follows looks like a crash; it is one that the server has asked for.
    return _Found(DECISIVE, line + _CRASH_LINES, diagnosis)
