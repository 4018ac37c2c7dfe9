"""Explain the exceptions in a log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.diagnosis.exceptions import explain_exactly, explain_plainly
from modelship.diagnosis.log_patterns import DECISIVE, Candidate, worker_timeout
from modelship.diagnosis.raised import Phase, Raised
from modelship.diagnosis.redaction import redacted
from modelship.diagnosis.tracebacks import chains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.diagnosis.facts import Facts, Surroundings
    from modelship.diagnosis.timeline import Timeline
    from modelship.diagnosis.tracebacks import Traceback
    from modelship.findings import Diagnosis

__all__ = ["explain_traceback", "may_explain", "of_chain"]

_OF_SCRIPT = "MS1"
_UNWELL = frozenset({"Failed", "Unhealthy"})
_ENDING = frozenset({"SystemExit", "MemoryError"})
_PHASES: dict[str, Phase] = {
    "<module>": "import",
    "init": "init",
    # modelship's server calls the last two with what it has read of the request.
    **dict.fromkeys(("run", "run_array", "run_table"), "run"),
}
_DOING: dict[str, Phase] = {
    "while the script was imported": "import",
    "while init() ran": "init",
    "while it served": "run",
}


def may_explain(chain: Sequence[Traceback], facts: Facts, timeline: Timeline) -> bool:
    """Return whether exceptions can be the cause: one in run() fails a request, not the service."""
    if facts.state not in _UNWELL or _phase(chain, timeline) != "run":
        return True
    own = [each for each in chain if not each.is_wrapper]
    return bool(own) and (own[-1].kind in _ENDING or _is_aborted(own[-1]))


def of_chain(
    chain: Sequence[Traceback], timeline: Timeline, *, around: Surroundings
) -> Candidate | None:
    """Return the explanation of a chain of exceptions."""
    diagnosis = _explained(chain, timeline, around)
    return Candidate(DECISIVE, chain[-1].last, diagnosis) if diagnosis else None


def _explained(
    chain: Sequence[Traceback], timeline: Timeline, around: Surroundings
) -> Diagnosis | None:
    """Explain a chain of exceptions, by the last one that a rule knows."""
    own = [each for each in chain if not each.is_wrapper]
    if not own:
        return None
    if _is_aborted(own[-1]):
        aborted, frames = own[-1], own[-1].script_frames
        frame = frames[-1] if frames else None
        return worker_timeout(timeline, aborted.first, aborted.evidence[:-1], frame)
    phase = _phase(chain, timeline)
    diagnosis = _most_exact(
        [replace(_raised(each, own, phase, timeline), around=around) for each in own]
    )
    if not diagnosis.where and diagnosis.code.startswith(_OF_SCRIPT):
        return replace(diagnosis, where=timeline.entry_script)
    return diagnosis


def _most_exact(raised: Sequence[Raised]) -> Diagnosis:
    """Explain a chain of exceptions, by the last one that a rule knows."""
    exact = (explain_exactly(each) for each in reversed(raised))
    known = next((each for each in exact if each is not None), None)
    return known or explain_plainly(raised[-1])


def explain_traceback(
    text: str, *, phase: Phase, where: str, around: Surroundings
) -> Diagnosis | None:
    """Return the diagnosis for a traceback, or None if there is none in the text.

    Parameters
    ----------
    text : str
        The traceback, as written by Python; with those of its causes.
    phase : {"import", "init", "run"}
        The phase in which it was raised.
    where : str
        The place in the bundle that it comes from, such as ``"score.py:12"``.
    around : Surroundings
        The facts known about the bundle.
    """
    found = chains(text.splitlines())
    if not found:
        return None
    raised = [
        Raised(
            each.kind.rpartition(".")[2],
            each.message,
            phase,
            where=where,
            evidence=each.evidence if each.script_frames else found[-1][-1].evidence,
            library=each.library,
            around=around,
        )
        for each in found[-1]
    ]
    return redacted(_most_exact(raised))


def _raised(
    traceback: Traceback, chain: Sequence[Traceback], phase: Phase, timeline: Timeline
) -> Raised:
    # The first exception of a chain may leave the script's lines to the last one.
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


def _phase(chain: Sequence[Traceback], timeline: Timeline) -> Phase:
    """Return what the server was doing.

    It is determined by the server's own frames, by the script's first frame, or by the preceding
    log; a call of an unknown function is a failed request.
    """
    functions = {frame.function for each in chain for frame in each.frames}
    if functions & {"invoke_run", "handle_score", "handle_request", "dispatch_request"}:
        return "run"
    if "invoke_init" in functions:
        return "init"
    if "load_script" in functions:
        return "import"
    steps = (frame.function for each in chain for frame in each.script_frames)
    outer = next((each for each in steps if each in _PHASES), "")
    doing = timeline.doing(until=chain[0].first) if not outer else ""
    if outer or doing:
        return _PHASES[outer] if outer else _DOING[doing]
    return "run" if functions - {"", "<module>"} else "import"


def _is_aborted(traceback: Traceback) -> bool:
    """Return whether gunicorn aborted the worker, which looks like sys.exit() in the script."""
    return any(frame.function == "handle_abort" for frame in traceback.frames)
