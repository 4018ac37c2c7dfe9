"""Services as processes of this machine, each with a folder of its own.

::

    <state>/process/<instance id>/
        instance.json    the record; a folder without one is a draft and not an instance
        pid              the server's process id
        server.log       what it wrote; once that is much, in server.log.1 too
        answered         there once it has answered
        sample.json      the bundle's sample request, if it has one
        keys.json        its keys, if it asks for one
        app/             what a container has in AML_APP_ROOT
"""

from __future__ import annotations

import json
import shlex
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from modelship.bundle.layout import model_dir
from modelship.bundle.profile import PROFILES, Profile
from modelship.bundle.store import stage
from modelship.diagnosis import Facts
from modelship.errors import InvalidOptionError, UnsupportedError
from modelship.places import state_folder
from modelship.runtime.environments import (
    environment_python,
    install_server,
    release_of,
    service_variables,
)
from modelship.runtime.server_options import ServerOptions
from modelship.runtime.servers import Server, check_workers, trace_variables
from modelship.staging import storing, write_atomic
from modelship.targets.backend import Instance, TargetBackend
from modelship.targets.keys import ServiceKeys, refuse_to_open
from modelship.targets.ports import check_port
from modelship.targets.process import folders, logfiles, service
from modelship.targets.process.keyfile import read_keys, write_keys
from modelship.targets.recorded import Secret
from modelship.targets.scoring import answers
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle import ScoringBundle
    from modelship.progress import Steps

__all__ = ["FRONT_CHECK", "GUNICORN_SETTINGS", "ProcessBackend"]

_ANSWERED = "answered"
_SAMPLE = "sample.json"
_KEYS = "keys.json"
_ENDING = "Shutting down: Master"
_ENDING_LINES = 1000
_GRACE_S = 5.0
_DRAIN_S = 40.0  # longer than either server gives what is under way: 30 s
GUNICORN_SETTINGS = Path(__file__).with_name("gunicorn_settings.py")
FRONT_CHECK = Path(__file__).with_name("front_check.py")


class ProcessBackend(TargetBackend):
    """Runs each service as a process of this machine, on 127.0.0.1.

    The environment is made once for each lock and shared; Azure ML's own inference server
    runs the script in it. Services go on running when this process ends.
    ``cpu_cores`` is recorded but not enforced here, and ``memory_gb`` only with a `profile`.

    Parameters
    ----------
    port : int, optional
        The port to listen on, 1 to 65535. Without it a free one is taken.
    profile : str, optional
        The place whose limits hold: ``"aci"``, ``"aks"``, ``"online-endpoint"`` or ``"docker"``.
        A request may take as long as there; and if there is a limit for memory there, what a
        process allocates is limited to ``memory_gb`` (by RLIMIT_DATA of setrlimit(2), which counts
        what is asked for and not what is used).
    server : {"azmlinfsrv", "modelship"}
        What runs the script: Azure ML's own server, or modelship's faster one.
    workers : int
        How many processes run it, 1 to 64.
    server_options : Mapping[str, int or float or bool or str], optional
        What the server is told besides, such as ``{"scoring_timeout_ms": 60000}``; the names, units
        and ranges are in docs/reference/scoring-server.md.
    auth_enabled : bool, optional
        Whether a request needs a key, as on Azure; with modelship's server alone.
    traces : bool
        Whether spans of the requests are sent, as the variables ``OTEL_...`` and
        ``APPLICATIONINSIGHTS_...`` of this process say; with modelship's server alone.
    capture : str, optional
        The folder in which requests that failed are kept, for ``modelship replay``; with
        modelship's server alone.
    """

    name: ClassVar[str] = "process"

    def __init__(
        self,
        *,
        port: int | None = None,
        profile: str | None = None,
        server: str = "azmlinfsrv",
        workers: int = 1,
        server_options: Mapping[str, Any] | None = None,
        auth_enabled: bool | None = None,
        traces: bool = False,
        capture: str | None = None,
    ) -> None:
        self._port = check_port(port)
        self._profile = Profile.named(profile) if profile else None
        self._server = Server.named(server)
        self._workers = check_workers(workers)
        self._server_options = ServerOptions.checked(
            self._server, server_options, profile=self._profile
        )
        self._server.check_own(auth_enabled=auth_enabled, traces=traces, capture=capture)
        self._auth_enabled = auth_enabled
        self._traces = traces
        self._capture = Path(capture).expanduser().resolve() if capture is not None else None

    @property
    def profile(self) -> Profile:
        return (self._profile or PROFILES["process"]).but(asks_for_key=None)

    @property
    def options(self) -> Mapping[str, object]:
        return {
            "port": self._port,
            "profile": self._profile.name if self._profile else None,
            "server": self._server.name,
            "workers": self._workers,
            "server_options": self._server_options.recorded,
            "auth_enabled": bool(self._auth_enabled),
            "traces": Secret(json.dumps(trace_variables())) if self._traces else False,
            "capture": self._capture,
        }

    def check_replacement(self, replaced: Instance) -> None:
        refuse_to_open(replaced, auth_enabled=self._auth_enabled)

    @property
    def side_by_side(self) -> bool:
        """Whether two instances can run at once: not on a port that was asked for."""
        return self._port is None

    def prepare(self, bundle: ScoringBundle, steps: Steps) -> None:
        with steps.step("Prepare the environment"):
            python, _ = self._install(bundle, steps)
        if note := bundle.environment.note_on(release_of(python), of="this machine"):
            steps.say(note)

    def start(self, draft: Instance, bundle: ScoringBundle, steps: Steps) -> Instance:
        python, server_folder = self._install(bundle, steps)
        with service.listen(self._port) as listener:
            port = listener.getsockname()[1]
            instance = draft.at(f"http://127.0.0.1:{port}/score")
            folder = self._write(instance, bundle)
            app = folder / "app"
            models = app / model_dir(bundle.models)
            service.launch(
                [
                    *(python, "-m", self._server.module),
                    *("--entry_script", bundle.entry_script, "--port", str(port)),
                ],
                instance_id=instance.instance_id,
                listener=listener,
                folder=folder,
                environment={
                    **service_variables(python, app_root=app, model_dir=models),
                    "GUNICORN_CMD_ARGS": f"--config {shlex.quote(str(GUNICORN_SETTINGS))}",
                    "WORKER_COUNT": str(self._workers),
                    **({"PYTHONPATH": str(server_folder)} if server_folder else {}),
                    **self._server.variables(bundle, sample_file=str(folder / _SAMPLE)),
                    **(trace_variables() if self._traces else {}),
                    **({"MODELSHIP_KEYS_FILE": str(folder / _KEYS)} if self._auth_enabled else {}),
                    **({"MODELSHIP_CAPTURE": str(self._capture)} if self._capture else {}),
                    **self.profile.variables,
                    **self._server_options.variables,
                    **self._variables(str(app)),
                },
                memory_bytes=bundle.resources.memory_bytes if self.profile.limits_memory else 0,
            )
        return instance

    def _install(self, bundle: ScoringBundle, steps: Steps) -> tuple[Path, Path | None]:
        """Return the Python that runs the server, and what has to be on its path."""
        deadline = steps.deadline
        lock = bundle.lock
        python = environment_python(
            lock, timeout_s=deadline.remaining_s, asked_by=bundle.environment
        )
        return python, install_server(self._server, lock, python, timeout_s=deadline.remaining_s)

    def instances(self) -> Sequence[Instance]:
        return folders.instances_in(self._home)

    def state(self, instance: Instance) -> State:
        folder = self._folder(instance)
        if not service.is_running(instance.instance_id, folder):
            return State.FAILED
        if instance.broken:
            return State.UNHEALTHY
        if answers(instance.scoring_uri):
            with suppress(FileNotFoundError):  # another process removes it just now
                (folder / _ANSWERED).touch()
            return State.HEALTHY
        return State.UNHEALTHY if (folder / _ANSWERED).exists() else State.TRANSITIONING

    def logs(self, instance: Instance) -> str:
        return logfiles.whole(self._folder(instance))

    def log_end(self, instance: Instance, *, lines: int) -> str:
        return logfiles.end_of(self._folder(instance), lines=lines)

    def facts(self, instance: Instance) -> Facts:
        gone = not service.is_running(instance.instance_id, self._folder(instance))
        # What ends by itself says so; the exit status went to whoever adopted the process.
        if gone and _ENDING not in self.log_end(instance, lines=_ENDING_LINES):
            return Facts(problem="its process is gone, and has not said that it ends")
        return Facts()

    def stop(self, instance: Instance) -> None:
        self._end(instance, grace_s=_GRACE_S)

    def retire(self, instance: Instance) -> None:
        self._end(instance, grace_s=_DRAIN_S)

    def _end(self, instance: Instance, *, grace_s: float) -> None:
        folder = self._folder(instance)
        # What never answered has no request to finish.
        grace_s = grace_s if (folder / _ANSWERED).exists() else 0.0
        service.end(instance.instance_id, folder, grace_s=grace_s)
        folders.remove(folder)

    def keys(self, instance: Instance) -> ServiceKeys:
        keys = read_keys(self._folder(instance) / _KEYS)
        if keys is None:
            raise UnsupportedError(target=self.name, ability="keys without auth_enabled=True")
        return keys

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        write_keys(self._folder(instance) / _KEYS, self.keys(instance).but(which, value))

    @property
    def _home(self) -> Path:
        """The folder of all instances; a subclass with another one has instances of its own."""
        return state_folder() / self.name

    def _variables(self, app_root: str) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """Return what a service gets in its environment besides; for subclasses."""
        return {}

    def _folder(self, instance: Instance) -> Path:
        folder = self._home / instance.instance_id
        if folder.parent != self._home or instance.instance_id in {"", "..", "."}:
            raise InvalidOptionError("instance_id", instance.instance_id, "the name of a folder")
        return folder

    def _write(self, instance: Instance, bundle: ScoringBundle) -> Path:
        """Write the instance's folder, whole or not at all; from then on it is listed."""
        folder = self._folder(instance)
        draft = folders.draft_of(folder)
        try:
            with storing(folder):
                self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
                folders.sweep(self._home)
                stage(bundle, draft / "app")
                if bundle.sample_json is not None:
                    write_atomic(draft / _SAMPLE, bundle.sample_json)
                if self._auth_enabled:
                    write_keys(draft / _KEYS, ServiceKeys.new())
                write_atomic(draft / folders.RECORD, instance.to_json())
                return draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
