"""Running scripts: each has a thread that waits for it, and a folder of its own."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import ModelshipError
from modelship.targets.logtail import last_lines
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.runs.interpreters import Interpreters
from modelship.testing.offline.runs.queues import Queue
from modelship.testing.offline.runs.run_records import ENDED, RUN_ORIGIN, failure
from modelship.testing.offline.runs.warden import Warden
from modelship.testing.offline.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.runs.run_records import Records
    from modelship.testing.offline.runs.submissions import Submission

__all__ = ["Job", "Jobs"]

_LOOK_EVERY_S: Final = 0.1
_TOKEN_LIFETIME_S: Final = 24 * 3600
# A run has its own token.
_NOT_FOR_SCRIPTS: Final = ("AZUREML_SERVICE_PRINCIPAL_", "AZURE_CLIENT_SECRET")
_LOG: Final = "user_logs/std_log.txt"  # the SDK looks for it, and shows it while it grows
_TAIL_LINES: Final = 40
_COLLECTED: Final = ("outputs", "logs")
_CANCELED: Final = "The run was canceled."
_KILLED: Final = (
    "The workspace that ran the script was closed, which stopped it. Submit the run again."
)


@dataclass(frozen=True)
class Job:
    """A script that is about to run.

    Parameters
    ----------
    run_id : str
        Its run.
    submission : Submission
        The script to run.
    folder : Path
        Its working folder.
    variables : Mapping[str, str]
        The environment variables to start from.
    where : str
        A sentence for its log that says what it runs on.
    lay_out : Callable
        Puts the source files into the folder.
    collect : Callable
        Keeps what the script wrote into the folder, besides the outputs and logs of the run.
    on_end : Callable
        Is called after the end of the run is recorded.
    """

    run_id: str
    submission: Submission
    folder: Path
    variables: Mapping[str, str]
    where: str
    lay_out: Callable[[Path], None]
    collect: Callable[[Path], None] = lambda _folder: None
    on_end: Callable[[], None] = lambda: None


class _EndingError(Exception):
    """A run ends before, or while, its script runs."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = failure(code, message)


@dataclass(frozen=True)
class _Log:
    """The output of a run's script, and the workspace's messages about it."""

    path: Path

    def say(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"[modelship] {text.rstrip()}\n")

    def tail(self) -> str:
        """Return the last lines that the script wrote."""
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        own = [each for each in lines if not each.startswith("[modelship]")]
        return last_lines("\n".join(own), _TAIL_LINES)


class Jobs:
    """The running scripts.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    records : Records
        The runs.
    """

    def __init__(self, context: Context, records: Records) -> None:
        self._context = context
        self._store = context.store
        self._records = records
        self._interpreters = Interpreters(context.store)
        self._workers = Workers()
        self._canceled: set[str] = set()
        self._under_way: set[str] = set()
        self._queues: dict[str, Queue] = {}
        self._lock = threading.Lock()
        records.on_cancel = self.cancel

    def recover(self) -> None:
        """Mark the scripts that an earlier process of the workspace ran as ended."""
        for run in self._records.all():
            if run["status"] not in ENDED and run["properties"].get("modelship.script"):
                error = failure("WorkspaceEnded", _KILLED)
                self._records.reach(run["runId"], "Failed", error=error)

    def start(self, job: Job, *, at_once: int = 0) -> None:
        """Run a script; at most `at_once` of them at a time on its target, in order, if given."""
        queue = Queue(1)
        with self._lock:
            self._under_way.add(job.run_id)
            if at_once:
                place = f"{job.submission.target}:{at_once}"
                queue = self._queues.setdefault(place, Queue(at_once))
            queue.join(job.run_id)
        if not queue.has_turn(job.run_id):
            self._records.reach(job.run_id, "Queued")
        self._workers.run(partial(self._run, job, queue), name=f"run {job.run_id}", wait_s=0)

    def cancel(self, run_id: str) -> None:
        """Stop the script of a run; one that has not been started yet is canceled at once."""
        with self._lock:
            self._canceled.add(run_id)
            waits = run_id not in self._under_way
        if waits and self._records.find(run_id)["properties"].get("modelship.script"):
            self._records.reach(run_id, "Canceled", error=failure("Canceled", _CANCELED))

    def close(self) -> None:
        """Stop all scripts, and wait for them."""
        self._workers.close()

    def _run(self, job: Job, queue: Queue) -> None:
        try:
            self._bring_to_end(job, queue)
        finally:  # the next one starts after the end of this one is recorded
            queue.leave(job.run_id)
            self._under_way.discard(job.run_id)
        job.on_end()

    def _bring_to_end(self, job: Job, queue: Queue) -> None:
        run = self._records.find(job.run_id)
        log = _Log(self._store.new_blob(f"{RUN_ORIGIN}/{run['dataContainerId']}/{_LOG}"))
        try:
            self._await_turn(queue, job)
            try:
                self._work(job, run, log)
            finally:
                if job.folder.is_relative_to(self._store.folder):
                    shutil.rmtree(job.folder, ignore_errors=True)
        except _EndingError as ending:
            log.say(str(ending).partition("\n")[0])
            self._records.reach(job.run_id, ending.status, error=ending.error)
        except Exception as error:  # noqa: BLE001 - it becomes the error of the run
            message = str(error) or type(error).__name__
            log.say(message)
            code = "UserError" if isinstance(error, ModelshipError) else "ServiceError"
            self._records.reach(job.run_id, "Failed", error=failure(code, message))

    def _await_turn(self, queue: Queue, job: Job) -> None:
        self._check(job)
        while not queue.has_turn(job.run_id, within_s=_LOOK_EVERY_S):
            self._check(job)

    def _work(self, job: Job, run: Mapping[str, Any], log: _Log) -> None:
        """Prepare the environment, run the script in it, and collect its outputs."""
        self._records.reach(job.run_id, "Preparing")
        log.say(job.where)
        variables = {
            **job.variables,
            **_variables_of(run, self._context),
            **job.submission.variables,
            **job.submission.input_variables,
        }
        python = self._interpreters.find(job.submission, variables=variables, say=log.say)
        self._check(job)
        self._lay_out(job)
        variables["PATH"] = f"{python.parent}:{variables.get('PATH', '/usr/bin:/bin')}"
        self._records.reach(job.run_id, "Running")
        code, ending = self._execute(job, str(python), variables, log)
        # It stays Running: the SDK does not wait for one in Azure's state Finalizing. It would miss
        # a failure, or ask for files that are not there yet.
        job.collect(job.folder)
        self._collect(job, run)
        if ending is not None:
            raise ending
        if code:
            raise _EndingError("Failed", "UserError", _words(job, code, log.tail()))
        self._records.reach(job.run_id, "Completed")

    @staticmethod
    def _lay_out(job: Job) -> None:
        try:
            job.folder.mkdir(parents=True, exist_ok=True)
            job.lay_out(job.folder)
            for name in _COLLECTED:
                (job.folder / name).mkdir(exist_ok=True)
        except RefusalError as refusal:
            raise _EndingError("Failed", refusal.code, refusal.message) from refusal

    def _execute(
        self, job: Job, python: str, variables: Mapping[str, str], log: _Log
    ) -> tuple[int, _EndingError | None]:
        """Run the script; return its exit code, and why it was stopped, if it was."""
        command = job.submission.command_line(python)
        with log.path.open("ab") as output:
            warden = Warden(command, folder=job.folder, variables=variables, log=output)
            try:
                return self._wait(job, warden), None
            except _EndingError as ending:
                return 0, ending
            finally:
                warden.end()

    def _wait(self, job: Job, warden: Warden) -> int:
        end_s = time.monotonic() + (job.submission.longest_s or float("inf"))
        while (code := warden.wait(_LOOK_EVERY_S)) is None:
            self._check(job)
            if time.monotonic() > end_s:
                message = (
                    "The script ran for longer than max_run_duration_seconds, "
                    f"{job.submission.longest_s} s, and was stopped."
                )
                raise _EndingError("Canceled", "RunDurationExceeded", message)
        return code

    def _check(self, job: Job) -> None:
        """End the run if it has to end."""
        if self._workers.closed:
            raise _EndingError("Failed", "WorkspaceEnded", _KILLED)
        if job.run_id in self._canceled:
            raise _EndingError("Canceled", "Canceled", _CANCELED)

    def _collect(self, job: Job, run: Mapping[str, Any]) -> None:
        """Store what the script wrote to ``outputs`` and ``logs`` as files of the run."""
        for name in _COLLECTED:
            for file in sorted((job.folder / name).rglob("*")):
                if file.is_file() and not file.is_symlink():
                    path = file.relative_to(job.folder).as_posix()
                    key = f"{RUN_ORIGIN}/{run['dataContainerId']}/{path}"
                    shutil.copyfile(file, self._store.new_blob(key))


def _variables_of(run: Mapping[str, Any], context: Context) -> dict[str, str]:
    """Return the variables of a run, with those that route Azure's hosts to the workspace."""
    ours = context.identity
    api = f"https://{ours.location}.api.azureml.ms"
    exported = {
        name: value
        for name, value in context.exported().items()
        if not name.startswith(_NOT_FOR_SCRIPTS)
    }
    own = {
        "RUN_ID": run["runId"],
        "ARM_SUBSCRIPTION": ours.subscription_id,
        "ARM_RESOURCEGROUP": ours.resource_group,
        "ARM_WORKSPACE_NAME": ours.workspace_name,
        "ARM_PROJECT_NAME": run["experimentName"],
        "WORKSPACE_ID": ours.workspace_id,
        "EXPERIMENT_ID": run["experimentId"],
        "SERVICE_ENDPOINT": api,
        "DISCOVERY_SERVICE_ENDPOINT": f"{api}/discovery/workspaces/{ours.workspace_id}",
        "RUN_TOKEN": context.access.token(lifetime_s=_TOKEN_LIFETIME_S),
    }
    prefixed = {f"AZUREML_{name}": value for name, value in own.items()}
    return exported | prefixed | {"PYTHONUNBUFFERED": "1"}


def _words(job: Job, code: int, tail: str) -> str:
    what = job.submission.script or "the command"
    return f"{what} exited with code {code}.\nThe end of its log:\n{tail}"
