"""Find the cause that explains the most, from a log and a few facts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.diagnosis.circumstances import explain_circumstances, explain_end
from modelship.diagnosis.facts import Facts, Surroundings
from modelship.diagnosis.log_patterns import TELLING, of_lines, quoted_exceptions
from modelship.diagnosis.raising import may_explain, of_chain
from modelship.diagnosis.redaction import redacted
from modelship.diagnosis.timeline import Timeline
from modelship.diagnosis.tracebacks import chains, clean_lines, error_document
from modelship.findings import RULES, Diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["diagnose", "is_known"]

_UNKNOWN = "MS699"
_LAST_LINES = 12
_FEW_LINES = 4
_EVIDENCE_CHARS = 300
_OF_SIGNALS = frozenset({"MS505", "MS507"})


def diagnose(
    log: str,
    *,
    facts: Facts = Facts(),  # noqa: B008 - it is frozen
    around: Surroundings = Surroundings(),  # noqa: B008 - it is frozen
) -> Diagnosis:
    """Return why a service does not run.

    Parameters
    ----------
    log : str
        The service's output; also in the formats of Docker, kubectl or Azure. Of more than four
        million characters only the beginning and the end are read.
    facts : Facts
        The facts reported by the place that runs it.
    around : Surroundings
        The facts known about its bundle: advice is given only if it can be true for the bundle.

    Returns
    -------
    Diagnosis
        With the code ``MS699`` and the last lines if no cause is known; see :func:`is_known`.
    """
    if facts.error is None and (document := error_document(log)) is not None:
        facts = replace(facts, error=document)
    lines = clean_lines(log)
    timeline = Timeline(lines)
    # The report of the place comes last, since it was made after the failure.
    read = [*lines, *facts.sentences]
    raised = chains(lines)
    telling = [chain for chain in raised if may_explain(chain, facts, timeline)]
    exceptions = [of_chain(chain, timeline, around=around) for chain in telling]
    signs = of_lines(read, timeline, inside=raised)
    quoted = quoted_exceptions(read, around=around)
    candidates = [each for each in (*exceptions, *quoted, *signs) if each]
    # The most specific one; among equals the last one.
    found = max(candidates, key=lambda each: (each.weight, each.line), default=None)
    ended = explain_end(facts, timeline)
    # The log may have the line that explains an exit code, too.
    if ended is not None and not (
        found and found.diagnosis.code in _OF_SIGNALS and found.diagnosis.where
    ):
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
    """Return whether a diagnosis names a cause."""
    return diagnosis.code != _UNKNOWN


def _unknown(lines: Sequence[str], facts: Facts) -> Diagnosis:
    said = f": {facts.problem.rstrip('.')}" if facts.problem else ""
    cause = f"No known cause found in the log{said}."
    return RULES[_UNKNOWN].diagnosis(cause, evidence=_last(lines))


def _last(lines: Sequence[str]) -> tuple[str, ...]:
    told = [line[:_EVIDENCE_CHARS] for line in lines[-200:] if line.strip()]
    return tuple(told[-_LAST_LINES:])


def _with_lines(diagnosis: Diagnosis, lines: Sequence[str]) -> Diagnosis:
    return diagnosis if diagnosis.evidence else replace(diagnosis, evidence=tuple(lines))


def _among_lines(diagnosis: Diagnosis, lines: Sequence[str]) -> Diagnosis:
    """Add the end of the log to a mere hint, since it most likely contains the cause."""
    before = [line for line in _last(lines)[-_FEW_LINES:] if line.strip() not in diagnosis.evidence]
    return replace(diagnosis, evidence=(*before, *diagnosis.evidence))


def _sharpened(diagnosis: Diagnosis, facts: Facts) -> Diagnosis:
    """Add the limit, if the log alone does not contain it."""
    if diagnosis.code != "MS505" or not facts.memory_bytes:
        return diagnosis
    limit_gb = facts.memory_bytes / 2**30
    advice = f"Request more, such as memory_gb={2 * limit_gb:g}, or load less."
    cause = f"{diagnosis.problem.rstrip('.')} (its limit is {limit_gb:g} GiB)."
    return replace(diagnosis, problem=cause, advice=advice)
