"""Define ProcessBackend: services as processes of this machine, each with its own folder.

::

    <state>/process/<instance id>/
        instance.json    the record; a folder without one is a draft and not an instance
        pid              the server's process id
        server.log       what it wrote; once that is much, in server.log.1 too
        answered         there once it has answered
        gate             where it is told whether to serve the name's address
        routed           there while it does
        sample.json      the bundle's sample request, if it has one
        keys.json        its keys, if it asks for one
        app/             what a container has in AML_APP_ROOT
"""

from __future__ import annotations

import shutil
import socket
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from modelship.diagnosis import Facts
from modelship.errors import InvalidOptionError
from modelship.staging import storing, write_atomic
from modelship.state_paths import state_folder
from modelship.targets.address import (
    address_for,
    calls_in,
    listen,
    port_of,
    uri_of,
)
from modelship.targets.backend import Observation, Prepared
from modelship.targets.http_scoring import answers
from modelship.targets.instance import serving_first
from modelship.targets.keys import ServiceKeys, read_keys, write_keys
from modelship.targets.local_backend import LocalBackend
from modelship.targets.process import folders, server_process
from modelship.targets.program import APP, Program
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.bundle.profile import Profile
    from modelship.progress import Steps
    from modelship.targets.instance import Instance
    from modelship.targets.release import Release, Serving

__all__ = ["FRONT_CHECK", "ProcessBackend"]

_ANSWERED = "answered"
_KEYS = "keys.json"
_ENDING = "Shutting down: Master"
_ENDING_LINES = 1000
_GRACE_S = 5.0
FRONT_CHECK = Path(__file__).with_name("front_check.py")


class ProcessBackend(LocalBackend):
    """Runs each service as a process of this machine, on 127.0.0.1.

    The environment is created once per lock and shared; Azure ML's own inference server runs the
    script in it. Services keep running when this process exits. ``cpu_cores`` is recorded but not
    enforced here, and ``memory_gb`` only with ``limits=`` of a place that has a memory limit: then
    the memory that a process allocates is limited (by RLIMIT_DATA of setrlimit(2), which counts
    allocated and not used memory).
    """

    name: ClassVar[str] = "process"

    serves: ClassVar[frozenset[str]] = frozenset(
        {
            *("server", "workers", "port", "auth", "traces", "capture", "limits"),
            *("variables", "secrets", "server_options"),
        }
    )

    def runs_beside(self, release: Release, current: Instance | None) -> bool:
        """Return whether two instances can run at once: on one port, if they can share it."""
        if release.serving.port is None or current is None or not self._is_running(current):
            return True
        return self._has_gates and bool(current.own_uri)

    def prepare(self, release: Release, steps: Steps) -> Program:
        return Program.prepare(release, steps)

    def start(self, draft: Instance, prepared: Prepared, steps: Steps) -> Instance:  # noqa: ARG002 - it is quick
        program, release = cast(Program, prepared), prepared.release
        serving = release.serving
        limits_memory = self._limits(serving).limits_memory
        with ExitStack() as stack:
            address = self._address_for(draft.name, serving.port)
            if address is not None:
                stack.enter_context(address)
            listener = stack.enter_context(listen(None if address else serving.port))
            instance = draft.at(uri_of(listener))
            if address is not None:
                instance = draft.at(uri_of(address), own_uri=uri_of(listener))
            folder = self._write(instance, program)
            server_process.launch(
                program.arguments(port=listener.getsockname()[1]),
                instance_id=instance.instance_id,
                listener=listener,
                leash=stack.enter_context(self._leash(instance, address)) if address else None,
                folder=folder,
                environment={
                    **program.environment(folder, self.profile),
                    **({"MODELSHIP_KEYS_FILE": str(folder / _KEYS)} if serving.auth else {}),
                    "MODELSHIP_SERVICE": instance.name,
                    **self._variables(str(folder / APP)),
                },
                memory_bytes=release.bundle.resources.memory_bytes if limits_memory else 0,
            )
        return instance

    def _address_for(self, name: str, port: int | None) -> socket.socket | None:
        """Return the address of a name, which its instances share; None without gates."""
        if not self._has_gates:
            return None
        older = serving_first(self.instances(name))
        for each in older:
            if not self._is_running(each):  # a leftover process may still hold the port
                server_process.end(each.instance_id, self._folder(each), grace_s=0)
        folders_of_all = [self._folder(each) for each in older if each.own_uri]
        last = [port_of(each.scoring_uri) for each in older if each.own_uri]
        return address_for(folders_of_all, port=port, last=last[0] if last else None)

    @contextmanager
    def _leash(self, instance: Instance, address: socket.socket) -> Iterator[socket.socket]:
        """Yield the socket that an instance inherits, over which it gets its gate."""
        with calls_in(self._folder(instance)) as calls:
            ours, theirs = socket.socketpair()
            with theirs:
                self._gates.hand_over(instance, ours, address=address, calls=calls)
                yield theirs

    def _is_running(self, instance: Instance) -> bool:
        return server_process.is_running(instance.instance_id, self._folder(instance))

    def _limits(self, serving: Serving) -> Profile:
        """Return the limits of a service here; for subclasses too."""
        return serving.profile(self.profile)

    def instances(self, name: str | None = None) -> Sequence[Instance]:
        return folders.instances_in(self._home, name=name)

    def observe(self, instance: Instance) -> Observation:
        folder = self._folder(instance)
        if not self._is_running(instance):
            return Observation(State.FAILED, partial(self._facts, instance))
        if instance.broken:
            return Observation(State.UNHEALTHY)
        if answers(instance.direct_uri):
            with suppress(FileNotFoundError):  # another process is removing it
                (folder / _ANSWERED).touch()
            return Observation(State.HEALTHY)
        answered = (folder / _ANSWERED).exists()
        return Observation(State.UNHEALTHY if answered else State.TRANSITIONING)

    def logs(self, instance: Instance) -> str:
        return folders.whole_log(self._folder(instance))

    def log_end(self, instance: Instance, *, lines: int) -> str:
        return folders.log_end(self._folder(instance), lines=lines)

    def _facts(self, instance: Instance) -> Facts:
        """Return how an instance ended: one that exits by itself records it."""
        # The exit status went to the process that adopted it.
        if _ENDING not in self.log_end(instance, lines=_ENDING_LINES):
            return Facts(problem="its process exited without a shutdown message")
        return Facts()

    def stop(self, instance: Instance, *, grace_s: float = _GRACE_S) -> None:
        folder = self._folder(instance)
        self._gates.let_go(instance)
        # A server that never answered has no request to finish.
        grace_s = grace_s if (folder / _ANSWERED).exists() else 0.0
        server_process.end(instance.instance_id, folder, grace_s=grace_s)
        folders.remove(folder)

    @property
    def _home(self) -> Path:
        """The folder of all instances; a subclass with another one has its own instances."""
        return state_folder() / self.name

    def _read_keys(self, instance: Instance) -> ServiceKeys | None:
        return read_keys(self._folder(instance) / _KEYS)

    def _write_keys(self, instance: Instance, keys: ServiceKeys) -> None:
        write_keys(self._folder(instance) / _KEYS, keys)

    def _folder(self, instance: Instance) -> Path:
        folder = self._home / instance.instance_id
        if folder.parent != self._home or instance.instance_id in {"", "..", "."}:
            raise InvalidOptionError("instance_id", instance.instance_id, "the name of a folder")
        return folder

    def _write(self, instance: Instance, program: Program) -> Path:
        """Write the instance's folder atomically; from then on it is listed."""
        folder = self._folder(instance)
        draft = folders.draft_of(folder)
        try:
            with storing(folder):
                self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
                folders.sweep(self._home)
                program.lay_out(draft)
                if program.release.serving.auth:
                    write_keys(draft / _KEYS, self._keys_of(instance.name) or ServiceKeys.new())
                write_atomic(draft / folders.RECORD, instance.to_json())
                return draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
