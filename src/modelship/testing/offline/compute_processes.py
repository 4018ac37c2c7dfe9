"""Containers as processes on this machine."""

from __future__ import annotations

import math
import os
import random
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar

import psutil

from modelship.targets.process import ProcessBackend, server_process
from modelship.targets.program import GUNICORN_SETTINGS
from modelship.testing.offline.families import memory_bytes, processor_s
from modelship.testing.offline.launching import container_variables, release_of
from modelship.testing.offline.pythons import PythonsHere

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.bundle.profile import Profile
    from modelship.bundle.scoring_script import SourceFile
    from modelship.progress import Steps
    from modelship.targets.instance import Instance
    from modelship.targets.release import Serving
    from modelship.testing.offline.images import Image

__all__ = ["ProcessContainers"]

_LOOK_EVERY_S = 0.2
_GRACE_S = 5.0


class ProcessContainers(ProcessBackend):
    """Containers as processes. A thread enforces their memory limits."""

    name: ClassVar[str] = "offline-process"
    _has_gates: ClassVar[bool] = False  # the workspace is in front of them and forwards requests

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
        # The thread monitors their use.
        return super()._limits(serving).replace(limits_memory=False)

    @property
    def _home(self) -> Path:
        return self._folder_of_all

    def _variables(self, app_root: str) -> Mapping[str, str]:  # noqa: ARG002 - theirs are elsewhere
        settings = str(GUNICORN_SETTINGS)
        return container_variables(self._starting.image, settings, self._front_key)

    @staticmethod
    def capacity() -> tuple[float, int]:
        return os.cpu_count() or 1, psutil.virtual_memory().total

    def start_with(self, draft: Instance, image: Image, steps: Steps) -> Instance:
        self._starting.image = image
        with _on_few_cores(image.bundle.resources.cpu_cores):
            instance = self.start(draft, self.prepare(release_of(image), steps), steps)
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


@contextmanager
def _on_few_cores(cpu_cores: float) -> Iterator[None]:
    """Limit processes that the body starts to the cores that they may use, rounded up."""
    if not hasattr(os, "sched_setaffinity"):  # only on Linux
        yield
        return
    allowed = os.sched_getaffinity(0)  # of this thread; processes inherit it
    count = min(math.ceil(cpu_cores), len(allowed))
    os.sched_setaffinity(0, random.sample(sorted(allowed), count))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
