"""Container Instances on this machine: modelship's own backends, in a namespace of their own."""

from __future__ import annotations

import hashlib
import math
import os
import random
import shlex
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar, Literal

import psutil

from modelship.bundle import Resources
from modelship.bundle.scoring_script import SourceFile
from modelship.errors import InvalidOptionError
from modelship.runtime.images.engine import connected
from modelship.targets.docker import DockerBackend
from modelship.targets.docker import container as containers
from modelship.targets.instance import Instance
from modelship.targets.process import ProcessBackend, server_process
from modelship.targets.process.process_backend import FRONT_CHECK
from modelship.targets.program import GUNICORN_SETTINGS
from modelship.targets.release import Release, Serving
from modelship.targets.state import State
from modelship.testing.offline.families import memory_bytes, processor_s
from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.bundle.profile import Profile
    from modelship.progress import Steps
    from modelship.testing.offline.images import Image

__all__ = ["Compute", "Kind"]

Kind = Literal["process", "docker"]

_SETTINGS = ".modelship_gunicorn.py"
_LOOK_EVERY_S = 0.2
_GRACE_S = 5.0


class Compute:
    """The place that runs the containers of one workspace.

    Parameters
    ----------
    folder : Path
        Where they keep what they need; also what tells them from those of another workspace.
    kind : {"process", "docker"}
        What a container is: a process of this machine, or a container of a Docker engine.
    base_image : str, optional
        With ``"docker"``, as for the target of that name.
    front_key : str
        What their servers want to see of whoever asks them; nothing if it is empty.

    Raises
    ------
    InvalidOptionError
        If there is no such kind, or the image is not the name of one.
    """

    def __init__(
        self, folder: Path, *, kind: Kind, base_image: str | None = None, front_key: str = ""
    ) -> None:
        self._containers: _Processes | _Containers
        if kind == "process":
            self._containers = _Processes(folder, front_key=front_key)
        elif kind == "docker":
            self._containers = _Containers(folder, base_image=base_image, front_key=front_key)
        else:
            raise InvalidOptionError(option="compute", found=kind, expected="process or docker")

    @property
    def source(self) -> tuple[SourceFile, ...]:
        """The files that it needs beside those of a service."""
        return self._containers.source

    @property
    def pythons(self) -> PythonsHere | PythonsOfImages:
        """The Pythons that an environment can get."""
        return self._containers.pythons

    def fit(self, resources: Resources) -> Resources:
        """Return what of `resources` this machine has; Azure has more."""
        cores, memory_bytes = self._containers.capacity()
        return Resources(
            cpu_cores=min(resources.cpu_cores, cores),
            memory_gb=min(resources.memory_gb, memory_bytes / 2**30),
        )

    def build(self, image: Image, steps: Steps) -> None:
        """Make what `image` needs before it can start."""
        self._containers.prepare(_release(image), steps)

    def start(self, name: str, image: Image, steps: Steps) -> Instance:
        """Start a container, without waiting for it."""
        draft = Instance.draft(_release(image), name=name)
        return self._containers.start_with(draft, image, steps)

    def state(self, instance: Instance) -> State:
        """Return what a container is doing; its server is asked."""
        return self._containers.observe(instance).state

    def ended(self, instance: Instance) -> bool:
        """Return whether nothing of a container runs; its server is not asked."""
        return self._containers.ended(instance)

    def ran_out_of_memory(self, instance: Instance) -> bool:
        """Return whether a container was killed at its memory limit."""
        return self._containers.ran_out_of_memory(instance)

    def logs(self, instance: Instance) -> str:
        """Return what a container wrote."""
        return self._containers.logs(instance)

    @property
    def can_be_measured(self) -> bool:
        """Whether :meth:`usage` says anything: of processes alone."""
        return isinstance(self._containers, _Processes)

    def usage(self, instance: Instance) -> tuple[float, int]:
        """Return a container's processor time so far, in seconds, and its memory, in bytes."""
        places = self._containers
        return places.usage(instance) if isinstance(places, _Processes) else (0.0, 0)

    def stop(self, instance: Instance) -> None:
        """End a container; one that is gone is no error."""
        self._containers.stop(instance)

    def stop_all(self) -> None:
        """End every container of this workspace, also those that an earlier process left."""
        for instance in self._containers.instances():
            self._containers.stop(instance)

    def close(self) -> None:
        """End every container, and what watches over them."""
        self.stop_all()
        self._containers.close()


class _Processes(ProcessBackend):
    """Containers as processes. A thread sees to it that none takes more memory than it may."""

    name: ClassVar[str] = "offline-process"
    _has_gates: ClassVar[bool] = False  # the workspace is in front of them, and sends requests on

    source: ClassVar[tuple[SourceFile, ...]] = ()

    def __init__(self, folder: Path, *, front_key: str) -> None:
        super().__init__()
        self.pythons = PythonsHere()
        self._front_key = front_key
        self._folder_of_all = folder / "containers"
        self._starting = threading.local()
        self._limited: dict[str, tuple[Instance, float]] = {}
        self._killed: set[str] = set()
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="memory limits", daemon=True)

    def _limits(self, serving: Serving) -> Profile:
        # The thread watches what is used.
        return super()._limits(serving).replace(limits_memory=False)

    @property
    def _home(self) -> Path:
        return self._folder_of_all

    def _variables(self, app_root: str) -> Mapping[str, str]:  # noqa: ARG002 - theirs are elsewhere
        settings = str(GUNICORN_SETTINGS)
        return _variables(self._starting.image, settings, self._front_key)

    @staticmethod
    def capacity() -> tuple[float, int]:
        return os.cpu_count() or 1, psutil.virtual_memory().total

    def start_with(self, draft: Instance, image: Image, steps: Steps) -> Instance:
        self._starting.image = image
        with _on_few_cores(image.bundle.resources.cpu_cores):
            instance = self.start(draft, self.prepare(_release(image), steps), steps)
        self._limited[instance.instance_id] = (instance, image.bundle.resources.memory_gb)
        if not self._watcher.ident:
            self._watcher.start()
        return instance

    def ended(self, instance: Instance) -> bool:
        return not server_process.is_running(instance.instance_id, self._folder(instance))

    def ran_out_of_memory(self, instance: Instance) -> bool:
        return instance.instance_id in self._killed

    def usage(self, instance: Instance) -> tuple[float, int]:
        folder = self._folder(instance)
        return processor_s(folder), memory_bytes(folder)

    def stop(self, instance: Instance, *, grace_s: float = _GRACE_S) -> None:
        self._limited.pop(instance.instance_id, None)
        super().stop(instance, grace_s=grace_s)

    def close(self) -> None:
        self._closing.set()
        if self._watcher.ident:
            self._watcher.join()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            for instance, memory_gb in list(self._limited.values()):
                if memory_bytes(self._folder(instance)) > memory_gb * 2**30:
                    self._kill(instance, memory_gb)

    def _kill(self, instance: Instance, memory_gb: float) -> None:
        self._killed.add(instance.instance_id)
        self._limited.pop(instance.instance_id, None)
        folder = self._folder(instance)
        with suppress(OSError), (folder / "server.log").open("a") as log:
            log.write(
                "[modelship] the container was ended: killed for memory (OOMKilled) at its limit "
                f"of {memory_gb:g} GiB, exit code 137\n"
            )
        server_process.end(instance.instance_id, folder, grace_s=0)


class _Containers(DockerBackend):
    """Containers of a Docker engine, which enforces their limits itself."""

    name: ClassVar[str] = "offline-docker"
    _has_gates: bool = False  # as above

    source: ClassVar[tuple[SourceFile, ...]] = (SourceFile(_SETTINGS, FRONT_CHECK.read_bytes()),)

    def __init__(self, folder: Path, *, base_image: str | None, front_key: str) -> None:
        super().__init__(base_image=base_image)
        self.pythons = PythonsOfImages(base_image)
        self._front_key = front_key
        self._mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        self._starting = threading.local()

    @property
    def _namespace(self) -> str:
        return f"{self.name}-{self._mark}"

    def _variables(self, app_root: str) -> Mapping[str, str]:
        settings = f"{app_root}/{_SETTINGS}"
        return _variables(self._starting.image, settings, self._front_key)

    @staticmethod
    def capacity() -> tuple[float, int]:
        with connected() as engine:
            return engine.capacity()

    def start_with(self, draft: Instance, image: Image, steps: Steps) -> Instance:
        self._starting.image = image
        return self.start(draft, self.prepare(_release(image), steps), steps)

    @staticmethod
    def ended(instance: Instance) -> bool:
        with connected() as engine:
            container = engine.container(instance.instance_id)
        return container is None or containers.settled_state(container) is State.FAILED

    @staticmethod
    def ran_out_of_memory(instance: Instance) -> bool:
        with connected() as engine:
            container = engine.container(instance.instance_id)
            return container is not None and engine.ran_out_of_memory(container)

    def close(self) -> None:
        """Nothing watches over them here."""


def _release(image: Image) -> Release:
    return Release(image.bundle, Serving(limits="aci"))


def _variables(image: Image, settings: str, front_key: str) -> dict[str, str]:
    # The settings come last, so that no others of the user's stand in for them.
    arguments = f"{image.variables.get('GUNICORN_CMD_ARGS', '')} --config {shlex.quote(settings)}"
    return {
        **image.variables,
        "GUNICORN_CMD_ARGS": arguments.strip(),
        "MODELSHIP_FRONT_KEY": front_key,
    }


@contextmanager
def _on_few_cores(cpu_cores: float) -> Iterator[None]:
    """Let processes that the body starts run on as many cores as they may use, rounded up."""
    if not hasattr(os, "sched_setaffinity"):  # Linux has it
        yield
        return
    allowed = os.sched_getaffinity(0)  # of this thread; a process inherits it from its starter
    count = min(math.ceil(cpu_cores), len(allowed))
    os.sched_setaffinity(0, random.sample(sorted(allowed), count))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
