"""Run the script in process, as Azure ML's server would, without a server."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.checks.bundle_facts import surroundings_of
from modelship.checks.subject import Subject
from modelship.comparison.answers import ENDED, MOST_BYTES, TOO_LARGE, TOO_SLOW, PlaceAnswer
from modelship.diagnosis import Facts, diagnose, is_known
from modelship.diagnosis.redaction import hiding
from modelship.errors import DeploymentFailedError, DeploymentTimeoutError
from modelship.runtime.workbench import workbench
from modelship.targets.logtail import relevant_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.comparison.scoring_request import ScoringRequest
    from modelship.runtime.workbench import Program
    from modelship.targets import Serving

__all__ = ["answer_in_process"]

_CHILD: Final = Path(__file__).with_name("in_process_child.py")
_PAUSE_S: Final = 0.05
_LOG_BYTES: Final = 1 << 20
_FAILURES: Final = {"too large": TOO_LARGE, "ended": ENDED}
_PLACE: Final = "script"
_NOT_AGAIN: Final = "the script does not start again"


def answer_in_process(
    bundle: ScoringBundle,
    requests: Sequence[ScoringRequest],
    *,
    timeout_s: float,
    request_timeout_s: float,
    serving: Serving,
) -> list[PlaceAnswer]:
    """Answer requests with the script of `bundle`, in its own environment.

    Parameters
    ----------
    bundle : ScoringBundle
        What answers.
    requests : Sequence[ScoringRequest]
        The requests, in this order.
    timeout_s : float
        The time limit for creating the environment, and then for init().
    request_timeout_s : float
        The time limit for one answer. A request that takes longer, or ends the process, has an
        answer with a failure, and the next one runs in a new process.
    serving : Serving
        The variables and secrets of the script; the secrets are in no error.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be created here.
    DeploymentFailedError, DeploymentTimeoutError
        If the script does not start, or not in time.
    """
    answers: list[PlaceAnswer] = []
    secrets = serving.secret_environment
    with hiding(secrets.values()), workbench(bundle, timeout_s=timeout_s) as bench:
        asked = bench.folder / "requests"
        asked.write_text("".join(_line(each) for each in requests))
        while len(answers) < len(requests):
            arguments = (asked, len(answers), MOST_BYTES)
            script_variable = {"AZUREML_ENTRY_SCRIPT": bundle.entry_script}
            variables = {**serving.variables, **secrets, **script_variable}
            with bench.run(_CHILD, *arguments, **variables) as program:
                script = _Script(program, start_timeout_s=timeout_s)
                failure = script.answer(answers, count=len(requests), timeout_s=request_timeout_s)
                program.end()
                log = program.log(tail_bytes=_LOG_BYTES)
            if not script.has_started:
                if not answers:
                    raise _not_started(bundle, log, failure, timeout_s=timeout_s)
                failures = [PlaceAnswer(failure=_NOT_AGAIN)] * (len(requests) - len(answers))
                return [*answers, *failures]
            if failure:
                answers.append(PlaceAnswer(failure=failure))
    return answers


class _Script:
    """The script in one process, which answers until it exits or is terminated."""

    def __init__(self, program: Program, *, start_timeout_s: float) -> None:
        self._program = program
        self._start_timeout_s = start_timeout_s
        self.has_started = False

    def answer(self, answers: list[PlaceAnswer], *, count: int, timeout_s: float) -> str:
        """Extend `answers` up to `count` of them; return why it stopped early, or ``""``."""
        end_s = time.monotonic() + self._start_timeout_s
        while len(answers) < count:
            # Before listening: its last report counts.
            has_ended = self._program.ends_within(_PAUSE_S)
            told = self._program.told()
            answers += [_answer(each) for each in told if each]
            if told:
                self.has_started = True
                end_s = time.monotonic() + timeout_s
            elif has_ended:
                return ENDED
            elif time.monotonic() > end_s:
                return TOO_SLOW
        return ""


def _answer(told: Mapping[str, Any]) -> PlaceAnswer:
    if "failure" in told:
        return PlaceAnswer(failure=_FAILURES[told["failure"]])
    headers = [(name, value) for name, value in told["headers"]]
    return PlaceAnswer.of(told["status"], headers, base64.b64decode(told["body"]))


def _line(request: ScoringRequest) -> str:
    document = {
        "path": request.path,
        "method": request.method,
        "headers": dict(request.headers),
        "body": base64.b64encode(request.body).decode(),
    }
    return json.dumps(document) + "\n"


def _not_started(
    bundle: ScoringBundle, log: str, failure: str, *, timeout_s: float
) -> DeploymentFailedError | DeploymentTimeoutError:
    timed_out = failure == TOO_SLOW
    state = "Transitioning" if timed_out else "Failed"
    around = surroundings_of(Subject.of(bundle))
    diagnosis = diagnose(log, facts=Facts(state=state, timed_out=timed_out), around=around)
    known = diagnosis if is_known(diagnosis) else None
    if timed_out:
        return DeploymentTimeoutError(
            name=bundle.entry_script,
            target=_PLACE,
            doing="Start the script",
            timeout_s=timeout_s,
            log_tail=relevant_part(log),
            diagnosis=known,
        )
    return DeploymentFailedError(
        name=bundle.entry_script,
        target=_PLACE,
        state=state,
        problem="it does not start in process",
        log_tail=relevant_part(log),
        diagnosis=known,
    )
