"""Explain failures from facts outside the log: how a process ended, and what it never did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.diagnosis.facts import Facts
from modelship.findings import RULES, Diagnosis

if TYPE_CHECKING:
    from modelship.diagnosis.timeline import Timeline

__all__ = ["explain_circumstances", "explain_end"]

_SIGNALS = {
    132: "illegal instruction",
    134: "aborted",
    135: "bus error",
    136: "arithmetic error",
    139: "segmentation fault",
}
_KILLED = 137
_NOT_EXECUTABLE = 126
_NO_PROGRAM = 127


def explain_end(facts: Facts, timeline: Timeline) -> Diagnosis | None:
    """Explain how the process ended, if its exit code or the kernel shows it."""
    if facts.out_of_memory:
        return _out_of_memory(facts, timeline)
    if facts.exit_code in _SIGNALS:
        what = _SIGNALS[facts.exit_code]
        return RULES["MS507"].diagnosis(
            f"Compiled code crashed the server ({what}, exit code {facts.exit_code})."
        )
    if facts.exit_code == _KILLED:
        return _killed(facts)
    return None


def _killed(facts: Facts) -> Diagnosis:
    if facts.out_of_memory is None:
        return RULES["MS505"].diagnosis(
            "The service was killed (exit code 137), most likely because it exceeded its memory "
            "limit."
        )
    return RULES["MS506"].diagnosis(
        "The service was killed from outside (exit code 137), not because of its memory limit.",
        advice="Find out what killed it, such as docker kill, and deploy again.",
    )


def _out_of_memory(facts: Facts, timeline: Timeline) -> Diagnosis:
    limit_gb = (facts.memory_bytes or 0) / 2**30
    limit = f"limit of {limit_gb:g} GiB" if limit_gb else "memory limit"
    cause = f"The service was killed: it exceeded its {limit} {timeline.doing_when_killed}"
    advice = f"Request more, such as memory_gb={2 * limit_gb:g}, or load less." if limit_gb else ""
    return RULES["MS505"].diagnosis(cause.rstrip() + ".", advice=advice)


def explain_circumstances(facts: Facts, timeline: Timeline) -> Diagnosis | None:
    """Explain what the service never did, if its log does not show the cause."""
    for explain in _EXPLANATIONS:
        diagnosis = explain(facts, timeline)
        if diagnosis is not None:
            return diagnosis
    return None


_STUCK = {
    "UserContainerImagePull": (
        "MS609",
        "The image was still being pulled",
        "Check that the image exists, and that the endpoint's identity has the role AcrPull.",
    ),
    "ModelDownload": (
        "MS613",
        "The model was still being downloaded",
        "Assign the role Storage Blob Data Reader on the workspace's storage to the identity.",
    ),
}


def _stuck(facts: Facts, timeline: Timeline) -> Diagnosis | None:
    """Explain a step of an endpoint's instance that had not ended when the deployment failed."""
    if not (facts.is_timed_out or facts.state == "Failed"):
        return None
    if (step := timeline.unfinished_step) not in _STUCK:
        return None
    code, what, advice = _STUCK[step]
    return RULES[code].diagnosis(f"{what} when the deployment ended ({step}).", advice=advice)


def _wrong_port(facts: Facts, timeline: Timeline) -> Diagnosis | None:
    if facts.port is None or not timeline.ports or facts.port in timeline.ports:
        return None
    listens = " and ".join(str(port) for port in timeline.ports)
    return RULES["MS601"].diagnosis(
        f"The server listens on port {listens}; requests go to port {facts.port}.",
        advice=f"Make it listen on {facts.port}: azmlinfsrv --port {facts.port}.",
    )


def _silent_end(_facts: Facts, timeline: Timeline) -> Diagnosis | None:
    place = timeline.ends_silently
    if not place:
        return None
    return RULES["MS506"].diagnosis(
        f"The worker ended {timeline.boots} times in {place} without a message, as os._exit() does."
    )


def _slow(facts: Facts, timeline: Timeline) -> Diagnosis | None:
    if not timeline.is_in_init:
        return None
    if facts.is_timed_out:
        return RULES["MS504"].diagnosis("init() had not finished when the deadline passed.")
    if facts == Facts():  # a log from elsewhere
        return RULES["MS504"].diagnosis("The log ends while init() is still running.")
    return None


def _never_started(facts: Facts, timeline: Timeline) -> Diagnosis | None:
    if not facts.is_timed_out or timeline.ready_line is not None:
        return None
    if timeline.boots:
        return RULES["MS504"].diagnosis(
            "The script was still being imported when the deadline passed.",
            advice="Do less at import time, and move the rest to init().",
        )
    # An empty log does not show whether anything has run: the image may still have been building.
    if timeline.ports or not timeline.has_begun:
        return None
    return RULES["MS601"].diagnosis("No server started to listen before the deadline.")


def _unhealthy(facts: Facts, _timeline: Timeline) -> Diagnosis | None:
    if facts.is_timed_out or facts.exit_code is not None:
        return None
    if facts.health != "unhealthy" and facts.state != "Unhealthy":
        return None
    return RULES["MS602"].diagnosis(
        "The service runs but does not respond: run() may still be busy, or the worker hangs."
    )


def _ended(facts: Facts, _timeline: Timeline) -> Diagnosis | None:
    if facts.exit_code in {_NOT_EXECUTABLE, _NO_PROGRAM}:
        return RULES["MS202"].diagnosis(
            f"The program that serves the model cannot be run (exit code {facts.exit_code}).",
            advice="Check that the image has Python, and that azureml-inference-server-http is in "
            "the environment.",
        )
    return None


def _loop(facts: Facts, _timeline: Timeline) -> Diagnosis | None:
    if not facts.restarts:
        return None
    return RULES["MS604"].diagnosis(f"The container was restarted {facts.restarts} times.")


_EXPLANATIONS = (
    _wrong_port,
    _silent_end,
    _slow,
    _stuck,
    _never_started,
    _unhealthy,
    _ended,
    _loop,
)
