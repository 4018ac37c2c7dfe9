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
    trial: Trial, *, entry_script: str, profile: Profile, resources: Resources, has_sample: bool
) -> Iterator[Finding]:
    """Find what went wrong in a trial."""
    beyond = profile.limits_memory and trial.peak_bytes > resources.memory_bytes
    if trial.ended_for == "memory" or (trial.phase == "done" and beyond):
        yield RULES["MS505"].finding(
            f"It used more than the {resources.memory_gb:g} GiB of memory that it requests, "
            f"in {_while(trial)}.",
            path=entry_script,
            evidence=_tail(trial.log),
        )
    elif trial.ended_for == "deadline":
        yield RULES["MS504"].finding(
            f"{_while(trial)} did not finish in the remaining time.",
            path=entry_script,
            advice="Raise timeout_s= (--timeout), or make it faster.",
        )
    elif trial.ended_for == "time":
        yield _too_slow(trial, entry_script=entry_script, profile=profile)
    elif trial.phase in _FAILED:
        yield _raised(trial, entry_script=entry_script)
    elif trial.phase == "refused":
        yield _refused(trial, entry_script=entry_script)
    elif trial.phase != "done":
        yield _ended(trial, entry_script=entry_script)
    else:
        yield from _answered(trial, entry_script=entry_script)
        if not has_sample:
            yield from unset_findings(trial)
            yield RULES["MS509"].finding("It has no sample request, so run() was not tested.")


def _raised(trial: Trial, *, entry_script: str) -> Finding:
    told = trial.last
    if told["kind"] == "SystemExit":
        path, line = _place(trial, entry_script)
        return RULES["MS506"].finding(
            f"It ends the process in {_FAILED[trial.phase]}().".replace("import()", "its import"),
            path=path,
            line=line,
        )
    path, line = _place(trial, entry_script)
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
    return RULES[diagnosis.code].finding(
        diagnosis.problem,
        path=path,
        line=line,
        advice=diagnosis.advice,
        evidence=_tail(told["traceback"].replace(f"{trial.app}/", "")),
        severity=Severity.ERROR,
    )


def _place(trial: Trial, entry_script: str) -> tuple[str, int | None]:
    """Return the innermost line of the bundle's own code in the traceback."""
    return trial.place_in(trial.last.get("frames", ())) or (entry_script, None)


def _refused(trial: Trial, *, entry_script: str) -> Finding:
    diagnosis = diagnose(str(trial.last["message"]))
    return RULES[diagnosis.code if diagnosis.code != "MS699" else "MS103"].finding(
        f"The server rejects it: {trial.last['message']}", path=entry_script
    )


def _too_slow(trial: Trial, *, entry_script: str, profile: Profile) -> Finding:
    if trial.phase == "run":
        return RULES["MS405"].finding(
            f"run() did not answer the sample request within the {profile.scoring_timeout_s:g} s "
            f"that {profile.name} allows.",
            path=entry_script,
        )
    return RULES["MS504"].finding(
        f"{_while(trial)} took longer than the {profile.start_timeout_s:g} s that "
        f"{profile.name} allows.",
        path=entry_script,
    )


def _ended(trial: Trial, *, entry_script: str) -> Finding:
    if trial.exit_code < 0:
        name = signal.Signals(-trial.exit_code).name
        return RULES["MS507"].finding(
            f"The process crashed in {_while(trial)}: {name}.",
            path=entry_script,
            evidence=_tail(trial.log),
        )
    if trial.phase == "start":
        return _not_started(trial)
    return RULES["MS506"].finding(
        f"The process ended in {_while(trial)}, with exit code {trial.exit_code}.",
        path=entry_script,
        evidence=_tail(trial.log),
    )


def _not_started(trial: Trial) -> Finding:
    """Find why the server's own modules cannot be imported, which is not the script's fault."""
    advice = "Pin other versions of the packages named in its traceback."
    return RULES["MS202"].finding(
        "The inference server cannot be imported.",
        advice="" if _NO_SERVER in trial.log else advice,
        evidence=_tail(trial.log),
    )


def _answered(trial: Trial, *, entry_script: str) -> Iterator[Finding]:
    for told in trial.lines:
        if told["phase"] == "request refused":
            yield RULES["MS510"].finding(
                f"The sample request is rejected: {told['message']}", path=entry_script
            )
        elif told["phase"] == "answer unserializable":
            yield from error_findings(trial, told, entry_script=entry_script)
            yield from (
                RULES["MS107"].finding(
                    f"The server cannot serialize what run() returns: {part['what']}.",
                    path=entry_script,
                    advice=remedy_of(part["kinds"], is_key=part["key"]),
                )
                for part in told["parts"]
            )
        elif told["phase"] in _FAILED:
            yield _raised(_until(trial, told), entry_script=entry_script)
        elif told["phase"] == "answered":
            yield from error_findings(trial, told, entry_script=entry_script)
            yield from _of_answer(told, entry_script=entry_script)


def _until(trial: Trial, told: Mapping[str, Any]) -> Trial:
    """Return a trial as if it had ended with this report."""
    return replace(trial, lines=trial.lines[: trial.lines.index(told) + 1])


def _of_answer(told: Mapping[str, Any], *, entry_script: str) -> Iterator[Finding]:
    if told.get("twice"):
        yield RULES["MS108"].finding(
            "run() returns JSON text, and the server encodes it a second time.", path=entry_script
        )
    if told.get("nan"):
        yield RULES["MS508"].finding(
            "The response contains NaN or infinity, which is not valid JSON: many clients reject "
            "it.",
            path=entry_script,
        )


def _while(trial: Trial) -> str:
    return _WHILE.get(trial.phase, trial.phase)


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_SHOWN_LINES:])
