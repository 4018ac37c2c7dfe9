"""The script in process: what Azure ML's server makes of it, without a server."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.bundle.environments import environment_python, service_variables
from modelship.bundle.store import model_folder, stage
from modelship.diagnosis import Facts, diagnose, is_known
from modelship.errors import DeploymentFailedError, DeploymentTimeoutError
from modelship.parity.answers import TOO_SLOW, Answer
from modelship.parity.child import Child
from modelship.targets.logtail import telling_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle import ScoringBundle
    from modelship.parity.scoring_request import ScoringRequest

__all__ = ["answer_in_process"]

_PLACE: Final = "script"
_NOT_AGAIN: Final = "the script does not start again"


def answer_in_process(
    bundle: ScoringBundle,
    requests: Sequence[ScoringRequest],
    *,
    timeout_s: float,
    request_timeout_s: float,
) -> list[Answer]:
    """Answer requests with the script of `bundle`, in its own environment.

    Parameters
    ----------
    bundle : ScoringBundle
        What answers.
    requests : Sequence[ScoringRequest]
        What is asked, in this order.
    timeout_s : float
        How long making the environment may take, and then init().
    request_timeout_s : float
        How long one answer may take. A request that takes longer, or ends the process, has an
        Answer with a failure, and the next one meets a new process.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be made here.
    DeploymentFailedError, DeploymentTimeoutError
        If the script does not start, or not in time.
    """
    python = environment_python(bundle.lock, timeout_s=timeout_s)
    answers: list[Answer] = []
    with tempfile.TemporaryDirectory(prefix="modelship-parity-") as name:
        folder = Path(name)
        app = folder / "app"
        stage(bundle, app)
        (folder / "requests").write_text("".join(_line(each) for each in requests))
        variables = service_variables(python, app_root=app, model_dir=app / model_folder(bundle))
        variables["AZUREML_ENTRY_SCRIPT"] = bundle.entry_script
        while len(answers) < len(requests):
            child = Child(python, folder, environment=variables, start_timeout_s=timeout_s)
            failure = child.answer(answers, count=len(requests), timeout_s=request_timeout_s)
            if not child.has_started:
                if not answers:
                    raise _not_started(bundle, child.log, failure, timeout_s=timeout_s)
                failures = [Answer(failure=_NOT_AGAIN)] * (len(requests) - len(answers))
                return [*answers, *failures]
            if failure:
                answers.append(Answer(failure=failure))
    return answers


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
    diagnosis = diagnose(log, facts=Facts(state=state, timed_out=timed_out))
    known = diagnosis if is_known(diagnosis) else None
    if timed_out:
        return DeploymentTimeoutError(
            name=bundle.entry_script,
            target=_PLACE,
            doing="Start the script",
            timeout_s=timeout_s,
            log_tail=telling_part(log),
            diagnosis=known,
        )
    return DeploymentFailedError(
        name=bundle.entry_script,
        target=_PLACE,
        state=state,
        problem="it does not start in process",
        log_tail=telling_part(log),
        diagnosis=known,
    )
