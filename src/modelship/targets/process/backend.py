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

import shlex
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from modelship.bundle.layout import model_dir
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
from modelship.staging import storing, write_atomic
from modelship.targets.backend import Observation, Prepared, TargetBackend
from modelship.targets.keys import ServiceKeys
from modelship.targets.process import folders, logfiles, service
from modelship.targets.process.keyfile import read_keys, write_keys
from modelship.targets.scoring import answers
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle.profile import Profile
    from modelship.progress import Steps
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release, Serving

__all__ = ["FRONT_CHECK", "GUNICORN_SETTINGS", "ProcessBackend"]

_ANSWERED = "answered"
_SAMPLE = "sample.json"
_KEYS = "keys.json"
_ENDING = "Shutting down: Master"
_ENDING_LINES = 1000
_GRACE_S = 5.0
GUNICORN_SETTINGS = Path(__file__).with_name("gunicorn_settings.py")
FRONT_CHECK = Path(__file__).with_name("front_check.py")


@dataclass(frozen=True)
class _Prepared(Prepared):
    """The environment's Python, and what has to be on its path for the server."""

    python: Path
    server_folder: Path | None


def _paths(prepared: Prepared) -> tuple[Path, Path | None]:
    ready = cast("_Prepared", prepared)
    return ready.python, ready.server_folder


class ProcessBackend(TargetBackend):
    """Runs each service as a process of this machine, on 127.0.0.1.

    The environment is made once for each lock and shared; Azure ML's own inference server
    runs the script in it. Services go on running when this process ends.
    ``cpu_cores`` is recorded but not enforced here, and ``memory_gb`` only with ``limits=`` of a
    place that has a limit for memory: what a process allocates is limited then (by RLIMIT_DATA of
    setrlimit(2), which counts what is asked for and not what is used).
    """

    name: ClassVar[str] = "process"

    serves: ClassVar[frozenset[str]] = frozenset(
        {
            *("server", "workers", "port", "auth", "traces", "capture", "limits"),
            *("variables", "secrets", "server_options"),
        }
    )

    def check_serving(self, serving: Serving) -> None:
        super().check_serving(serving)
        serving.program.check_own(auth=serving.auth)

    def runs_beside(self, release: Release) -> bool:
        """Return whether two instances can run at once: not on a port that was asked for."""
        return release.serving.port is None

    def prepare(self, release: Release, steps: Steps) -> Prepared:
        bundle = release.bundle
        with steps.step("Prepare the environment"):
            timeout_s = steps.deadline.remaining_s
            python = environment_python(
                bundle.lock, timeout_s=timeout_s, asked_by=bundle.environment
            )
            server = install_server(
                release.serving.program, bundle.lock, python, timeout_s=steps.deadline.remaining_s
            )
        if note := bundle.environment.note_on(release_of(python), of="this machine"):
            steps.say(note)
        return _Prepared(release, python, server)

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:  # noqa: ARG002 - it is quick
        python, server_folder = _paths(prepared)
        release = prepared.release
        bundle, serving = release.bundle, release.serving
        profile = self._limits(serving)
        with service.listen(serving.port) as listener:
            port = listener.getsockname()[1]
            instance = draft.at(f"http://127.0.0.1:{port}/score")
            folder = self._write(instance, release)
            app = folder / "app"
            models = app / model_dir(bundle.models)
            service.launch(
                [
                    *(python, "-m", serving.program.module),
                    *("--entry_script", bundle.entry_script, "--port", str(port)),
                ],
                instance_id=instance.instance_id,
                listener=listener,
                folder=folder,
                environment={
                    **service_variables(python, app_root=app, model_dir=models),
                    "GUNICORN_CMD_ARGS": f"--config {shlex.quote(str(GUNICORN_SETTINGS))}",
                    **({"PYTHONPATH": str(server_folder)} if server_folder else {}),
                    **serving.program.variables(bundle, sample_file=str(folder / _SAMPLE)),
                    **({"MODELSHIP_KEYS_FILE": str(folder / _KEYS)} if serving.auth else {}),
                    **({"MODELSHIP_CAPTURE": str(serving.capture)} if serving.capture else {}),
                    **serving.environment(profile),
                    **serving.secret_environment,
                    **self._variables(str(app)),
                },
                memory_bytes=bundle.resources.memory_bytes if profile.limits_memory else 0,
            )
        return instance

    def _limits(self, serving: Serving) -> Profile:
        """Return what a service may do here; for subclasses too."""
        return serving.profile(self.profile)

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        return folders.instances_in(self._home, name=name)

    def observe(self, instance: Instance) -> Observation:
        folder = self._folder(instance)
        if not service.is_running(instance.instance_id, folder):
            return Observation(State.FAILED, self._facts(instance))
        if instance.broken:
            return Observation(State.UNHEALTHY)
        if answers(instance.direct_uri):
            with suppress(FileNotFoundError):  # another process removes it just now
                (folder / _ANSWERED).touch()
            return Observation(State.HEALTHY)
        answered = (folder / _ANSWERED).exists()
        return Observation(State.UNHEALTHY if answered else State.TRANSITIONING)

    def logs(self, instance: Instance) -> str:
        return logfiles.whole(self._folder(instance))

    def log_end(self, instance: Instance, *, lines: int) -> str:
        return logfiles.end_of(self._folder(instance), lines=lines)

    def _facts(self, instance: Instance) -> Facts:
        """Return how an instance ended: what ends by itself says so."""
        # The exit status went to whoever adopted the process.
        if _ENDING not in self.log_end(instance, lines=_ENDING_LINES):
            return Facts(problem="its process is gone, and has not said that it ends")
        return Facts()

    def stop(self, instance: Instance, *, grace_s: float = _GRACE_S) -> None:
        folder = self._folder(instance)
        # What never answered has no request to finish.
        grace_s = grace_s if (folder / _ANSWERED).exists() else 0.0
        service.end(instance.instance_id, folder, grace_s=grace_s)
        folders.remove(folder)

    def keys(self, instance: Instance) -> ServiceKeys:
        keys = read_keys(self._folder(instance) / _KEYS)
        if keys is None:
            raise UnsupportedError(target=self.name, ability="keys without Serving(auth=True)")
        return keys

    def regenerate_key(
        self, instance: Instance, which: Literal["primary", "secondary"], *, value: str | None
    ) -> None:
        write_keys(self._folder(instance) / _KEYS, self.keys(instance).but(which, value))

    def _keys_of(self, name: str) -> ServiceKeys | None:
        """Return the keys that callers of the service have, if it asks for some now."""
        found = (read_keys(self._folder(each) / _KEYS) for each in self.instances(name))
        return next((keys for keys in found if keys), None)

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

    def _write(self, instance: Instance, release: Release) -> Path:
        """Write the instance's folder, whole or not at all; from then on it is listed."""
        folder, bundle = self._folder(instance), release.bundle
        draft = folders.draft_of(folder)
        try:
            with storing(folder):
                self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
                folders.sweep(self._home)
                stage(bundle, draft / "app")
                if bundle.sample_json is not None:
                    write_atomic(draft / _SAMPLE, bundle.sample_json)
                if release.serving.auth:
                    write_keys(draft / _KEYS, self._keys_of(instance.name) or ServiceKeys.new())
                write_atomic(draft / folders.RECORD, instance.to_json())
                return draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
