"""Convert the outcome of a trial to findings."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.checks.swallowed import (
    error_findings,
    explained,
    swallowed_before,
    unset_findings,
)
from modelship.diagnosis import diagnose, remedy_of
from modelship.findings import RULES, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle.profile import Profile
    from modelship.bundle.resources import Resources
    from modelship.checks.trial import Trial

__all__ = ["trial_findings"]

_FAILED: Final[Mapping[str, Literal["import", "init", "run"]]] = {
    "import failed": "import",
    "init failed": "init",
    "run failed": "run",
}
_WHILE: Final = {
    "start": "starting",
    "import": "importing the script",
    "init": "init()",
    "run": "run()",
}
_NO_SERVER: Final = "No module named 'azureml_inference_server_http"
_SHOWN_LINES: Final = 12


def trial_findings(
    trial: Trial, *, profile: Profile, resources: Resources, has_sample: bool
) -> Iterator[Finding]:
    """Find what went wrong in a trial."""
    beyond = profile.limits_memory and trial.peak_bytes > resources.memory_bytes
    if trial.ended_for == "memory" or (trial.phase == "done" and beyond):
        used = f"It used more than the {resources.memory_gb:g} GiB of memory that it requests, "
        yield trial.finding("MS505", f"{used}in {_while(trial)}.", evidence=_tail(trial.log))
    elif trial.ended_for == "deadline":
        problem = f"{_while(trial)} did not finish in the remaining time."
        advice = "Raise timeout_s= (--timeout), or make it faster."
        yield trial.finding("MS504", problem, advice=advice)
    elif trial.ended_for == "time":
        yield _too_slow(trial, profile)
    elif trial.phase in _FAILED:
        yield _raised(trial)
    elif trial.phase == "refused":
        said = str(trial.last["message"])
        code = diagnose(said).code
        problem = f"The server rejects it: {said}"
        yield trial.finding(code if code != "MS699" else "MS103", problem)
    elif trial.phase != "done":
        yield _ended(trial)
    else:
        yield from _answered(trial)
        if not has_sample:
            yield from unset_findings(trial)
            yield RULES["MS509"].finding("It has no sample request, so run() was not tested.")


def _raised(trial: Trial) -> Finding:
    told = trial.last
    path, line = trial.place_in(told.get("frames", ())) or (trial.entry_script, None)
    if told["kind"] == "SystemExit":
        where = "its import" if trial.phase == "import failed" else f"{_FAILED[trial.phase]}()"
        problem = f"It ends the process in {where}."
        return trial.finding("MS506", problem, path=path, line=line)
    diagnosis = explained(
        told,
        phase=_FAILED[trial.phase],
        where=f"{path}:{line}" if line else path,
        around=trial.known,
    )
    if trial.phase == "run failed":
        then = f"then run() raises {told['kind']}: {told['message']}"
        if (found := swallowed_before(trial, told, diagnosis, then=then)) is not None:
            return found
    return trial.finding(
        diagnosis.code,
        diagnosis.problem,
        path=path,
        line=line,
        advice=diagnosis.advice,
        evidence=_tail(told["traceback"].replace(f"{trial.app}/", "")),
        severity=Severity.ERROR,
    )


def _too_slow(trial: Trial, profile: Profile) -> Finding:
    if trial.phase == "run":
        limit = f"{profile.scoring_timeout_s:g} s that {profile.name} allows."
        problem = f"run() did not answer the sample request within the {limit}"
        return trial.finding("MS405", problem)
    limit = f"{profile.start_timeout_s:g} s that {profile.name} allows."
    return trial.finding("MS504", f"{_while(trial)} took longer than the {limit}")


def _ended(trial: Trial) -> Finding:
    log = _tail(trial.log)
    if trial.exit_code < 0:
        name = signal.Signals(-trial.exit_code).name
        problem = f"The process crashed in {_while(trial)}: {name}."
        return trial.finding("MS507", problem, evidence=log)
    if trial.phase == "start":  # the script is not at fault
        advice = "Pin other versions of the packages named in its traceback."
        return RULES["MS202"].finding(
            "The inference server cannot be imported.",
            advice="" if _NO_SERVER in trial.log else advice,
            evidence=log,
        )
    problem = f"The process ended in {_while(trial)}, with exit code {trial.exit_code}."
    return trial.finding("MS506", problem, evidence=log)


def _answered(trial: Trial) -> Iterator[Finding]:
    for told in trial.lines:
        if told["phase"] == "request refused":
            yield trial.finding("MS510", f"The sample request is rejected: {told['message']}")
        elif told["phase"] == "answer unserializable":
            yield from error_findings(trial, told)
            for part in told["parts"]:
                problem = f"The server cannot serialize what run() returns: {part['what']}."
                advice = remedy_of(part["kinds"], is_key=part["key"])
                yield trial.finding("MS107", problem, advice=advice)
        elif told["phase"] in _FAILED:  # as if it had ended with this report
            yield _raised(replace(trial, lines=trial.lines[: trial.lines.index(told) + 1]))
        elif told["phase"] == "answered":
            yield from error_findings(trial, told)
            yield from _of_answer(trial, told)


def _of_answer(trial: Trial, told: Mapping[str, Any]) -> Iterator[Finding]:
    if told.get("twice"):
        problem = "run() returns JSON text, and the server encodes it a second time."
        yield trial.finding("MS108", problem)
    if told.get("nan"):
        problem = "The response contains NaN or infinity, which is not valid JSON"
        yield trial.finding("MS508", f"{problem}: many clients reject it.")


def _while(trial: Trial) -> str:
    return _WHILE.get(trial.phase, trial.phase)


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_SHOWN_LINES:])
