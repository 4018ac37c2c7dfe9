"""Containers of a Docker engine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from modelship.bundle.scoring_script import SourceFile
from modelship.runtime.images.engine import connected
from modelship.targets.docker import DockerBackend
from modelship.targets.docker import container as containers
from modelship.targets.process.process_backend import FRONT_CHECK
from modelship.targets.state import State
from modelship.testing.offline.compute import Compute
from modelship.testing.offline.custom_containers import answers_its_probes, start_custom
from modelship.testing.offline.custom_images import CustomImage, Runnable
from modelship.testing.offline.pythons import PythonsOfImages

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.progress import Steps
    from modelship.runtime.images.inspection import Container
    from modelship.targets.instance import Instance

__all__ = ["DockerContainers"]

_SETTINGS = ".modelship_gunicorn.py"


class DockerContainers(Compute, DockerBackend):
    """Containers of a Docker engine, which enforces their limits itself."""

    name: ClassVar[str] = "offline-docker"
    source: ClassVar[tuple[SourceFile, ...]] = (SourceFile(_SETTINGS, FRONT_CHECK.read_bytes()),)

    def __init__(
        self, folder: str | Path, *, base_image: str | None = None, front_key: str = ""
    ) -> None:
        pythons = PythonsOfImages(base_image)
        super().__init__(folder, pythons=pythons, front_key=front_key, base_image=base_image)

    @property
    def _namespace(self) -> str:
        mark = hashlib.sha256(str(self._of_workspace.resolve()).encode()).hexdigest()[:12]
        return f"{self.name}-{mark}"

    def _settings(self, app_root: str) -> str:
        return f"{app_root}/{_SETTINGS}"

    def run(self, name: str, image: Runnable, steps: Steps) -> Instance:
        if not isinstance(image, CustomImage):
            return super().run(name, image, steps)
        self._call_reaper()
        return self._kept(start_custom(image, name=name, target=self._namespace))

    def _answers(self, container: Container) -> bool:
        found = answers_its_probes(container)
        return super()._answers(container) if found is None else found

    def capacity(self) -> tuple[float, int]:
        with connected() as engine:
            return engine.capacity()

    def ended(self, instance: Instance) -> bool:
        with connected() as engine:
            container = engine.container(instance.instance_id)
        return container is None or containers.settled_state(container) is State.FAILED

    def ran_out_of_memory(self, instance: Instance) -> bool:
        with connected() as engine:
            container = engine.container(instance.instance_id)
            return container is not None and engine.ran_out_of_memory(container)
