"""The script in process: what Azure ML's server makes of it, without a server."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.environments import environment_python, service_variables
from modelship.bundle.store import model_folder, stage
from modelship.errors import DeploymentFailedError
from modelship.parity.answers import Answer
from modelship.targets.logtail import telling_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle import ScoringBundle
    from modelship.parity.scoring_request import ScoringRequest

__all__ = ["answer_in_process"]

_CHILD: Final = Path(__file__).with_name("in_process_child.py")
_START_TIMEOUT_S: Final = 120.0
_PAUSE_S: Final = 0.005
_DID_NOT_START: Final = 3
_ENDED: Final = "the process ended"
_TOO_SLOW: Final = "no answer in time"


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
        How long making the environment may take.
    request_timeout_s : float
        How long one answer may take. A request that takes longer, or ends the process, has an
        Answer with a failure, and the next one meets a new process.

    Raises
    ------
    EnvironmentSpecError
        If the environment cannot be made here.
    DeploymentFailedError
        If the script does not start.
    """
    python = environment_python(bundle.lock, timeout_s=timeout_s)
    answers: dict[int, Answer] = {}
    with tempfile.TemporaryDirectory(prefix="modelship-parity-") as folder:
        app = Path(folder) / "app"
        stage(bundle, app)
        (Path(folder) / "requests").write_text("".join(_line(each) for each in requests))
        environment = {
            **service_variables(python, app_root=app, model_dir=app / model_folder(bundle)),
            "AZUREML_ENTRY_SCRIPT": bundle.entry_script,
        }
        while len(answers) < len(requests):
            child = _Child(python, Path(folder), first=len(answers), environment=environment)
            failure = child.answer(answers, count=len(requests), timeout_s=request_timeout_s)
            if failure and not answers and child.does_not_start:
                raise DeploymentFailedError(
                    name=bundle.entry_script,
                    target="script",
                    state="Failed",
                    problem="it does not start in process",
                    log_tail=telling_part(child.log),
                )
            if failure:
                answers[len(answers)] = Answer(failure=failure)
    return [answers[number] for number in range(len(requests))]


def _line(request: ScoringRequest) -> str:
    document = {
        "path": request.path,
        "method": request.method,
        "headers": dict(request.headers),
        "body": base64.b64encode(request.body).decode(),
    }
    return json.dumps(document) + "\n"


class _Child:
    """One process that answers until it ends, or has to be ended."""

    def __init__(
        self, python: Path, folder: Path, *, first: int, environment: dict[str, str]
    ) -> None:
        self._command = [str(python), str(_CHILD)]
        self._arguments = [str(folder / "requests"), str(first)]
        self._log = folder / "log"
        self._app = folder / "app"
        self._environment = environment
        self._told = bytearray()
        self.exit_code: int | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def does_not_start(self) -> bool:
        """Whether it ended as the server does when the script does not start."""
        return self.exit_code == _DID_NOT_START

    def answer(self, answers: dict[int, Answer], *, count: int, timeout_s: float) -> str:
        """Fill `answers` up to `count`; return why it stopped before, or ``""``."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            with self._log.open("wb") as log:
                child = subprocess.Popen(
                    [*self._command, str(writing), *self._arguments],
                    cwd=self._app,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[writing],
                    start_new_session=True,
                )
            os.close(writing)
            try:
                return self._collect(child, reading, answers, count=count, timeout_s=timeout_s)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                self.exit_code = child.wait()
        finally:
            os.close(reading)

    def _collect(
        self,
        child: subprocess.Popen[bytes],
        reading: int,
        answers: dict[int, Answer],
        *,
        count: int,
        timeout_s: float,
    ) -> str:
        end_s = time.monotonic() + _START_TIMEOUT_S
        while len(answers) < count:
            ended = child.poll() is not None
            if self._read(reading, answers):
                end_s = time.monotonic() + timeout_s
            elif ended:
                self.exit_code = child.returncode
                return _ENDED
            elif time.monotonic() > end_s:
                return _TOO_SLOW
            else:
                time.sleep(_PAUSE_S)
        return ""

    def _read(self, reading: int, answers: dict[int, Answer]) -> bool:
        """Take what was told meanwhile, and tell whether there was anything."""
        with suppress(BlockingIOError):
            while chunk := os.read(reading, 1 << 16):
                self._told += chunk
        *lines, rest = bytes(self._told).split(b"\n")
        self._told = bytearray(rest)
        for line in lines:
            if told := json.loads(line):
                answers[told["number"]] = _answer(told)
        return bool(lines)


def _answer(told: dict[str, Any]) -> Answer:
    if "failure" in told:
        return Answer(failure=f"{_ENDED} ({told['failure']})")
    return Answer.of(told["status"], dict(told["headers"]), base64.b64decode(told["body"]))
