"""Containers as processes on this machine."""

from __future__ import annotations

import math
import os
import random
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar

import psutil

from modelship.runtime.descendants import descendants
from modelship.targets.process import ProcessBackend, server_process
from modelship.targets.program import GUNICORN_SETTINGS
from modelship.testing.offline.compute import Compute
from modelship.testing.offline.images import Image
from modelship.testing.offline.pythons import PythonsHere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from modelship.bundle.profile import Profile
    from modelship.progress import Steps
    from modelship.targets.instance import Instance
    from modelship.targets.release import Serving
    from modelship.testing.offline.custom_images import Runnable

__all__ = ["ProcessContainers"]

_LOOK_EVERY_S = 0.2
_GRACE_S = 5.0


class ProcessContainers(Compute, ProcessBackend):
    """Containers as processes. A thread enforces their memory limits."""

    name: ClassVar[str] = "offline-process"
    can_be_measured: ClassVar[bool] = True

    def __init__(self, folder: str | Path, *, front_key: str = "") -> None:
        super().__init__(folder, pythons=PythonsHere(), front_key=front_key)
        self._limited: dict[str, tuple[Instance, float]] = {}
        self._killed: set[str] = set()
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="memory limits", daemon=True)

    def _limits(self, serving: Serving) -> Profile:
        # The thread monitors their use.
        return super()._limits(serving).replace(limits_memory=False)

    @property
    def _home(self) -> Path:
        return self._of_workspace / "containers"

    def _settings(self, app_root: str) -> str:  # noqa: ARG002 - theirs are elsewhere
        return str(GUNICORN_SETTINGS)

    def capacity(self) -> tuple[float, int]:
        return os.cpu_count() or 1, psutil.virtual_memory().total

    def run(self, name: str, image: Runnable, steps: Steps) -> Instance:
        assert isinstance(image, Image)  # see v2.custom_environments
        resources = image.bundle.resources
        with _on_few_cores(resources.cpu_cores):
            instance = super().run(name, image, steps)
        self._limited[instance.instance_id] = (instance, resources.memory_gb)
        if not self._watcher.ident:
            self._watcher.start()
        return instance

    def ended(self, instance: Instance) -> bool:
        is_running = server_process.is_running(instance.instance_id, self._folder(instance))
        return self.ran_out_of_memory(instance) or not is_running  # it is being killed then

    def ran_out_of_memory(self, instance: Instance) -> bool:
        return instance.instance_id in self._killed

    def usage(self, instance: Instance) -> tuple[float, int]:
        family = _family(self._folder(instance))
        return _total(family, _processor_s), int(_total(family, _memory_bytes))

    def stop(self, instance: Instance, *, grace_s: float = _GRACE_S) -> None:
        self._limited.pop(instance.instance_id, None)
        super().stop(instance, grace_s=grace_s)

    def close(self) -> None:
        super().close()
        self._closing.set()
        if self._watcher.ident:
            self._watcher.join()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            for instance, memory_gb in list(self._limited.values()):
                family = _family(self._folder(instance))
                if _total(family, _memory_bytes) > memory_gb * 2**30:
                    self._kill(instance, memory_gb)

    def _kill(self, instance: Instance, memory_gb: float) -> None:
        self._limited.pop(instance.instance_id, None)
        folder = self._folder(instance)
        with suppress(OSError), (folder / "server.log").open("a") as log:
            log.write(
                "[modelship] the container was ended: killed for memory (OOMKilled) at its limit "
                f"of {memory_gb:g} GiB, exit code 137\n"
            )
        self._killed.add(instance.instance_id)
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


def _family(folder: Path) -> list[psutil.Process]:
    """Return the server process of a container and its children."""
    try:
        server = psutil.Process(int((folder / "pid").read_text()))
        return [server, *descendants(server.pid)]
    except (OSError, ValueError, psutil.Error):
        return []


def _total(family: Iterable[psutil.Process], measure: Callable[[psutil.Process], float]) -> float:
    """Return the sum of what is measured of each process; one that has exited counts nothing."""
    total = 0.0
    for process in family:
        with suppress(psutil.Error):
            total += measure(process)
    return total


def _memory_bytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
