"""Containers of a Docker engine."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, ClassVar

from modelship.bundle.scoring_script import SourceFile
from modelship.runtime.images.engine import connected
from modelship.targets.docker import DockerBackend
from modelship.targets.docker import container as containers
from modelship.targets.process.process_backend import FRONT_CHECK
from modelship.targets.state import State
from modelship.testing.offline.launching import container_variables, release_of
from modelship.testing.offline.pythons import PythonsOfImages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.progress import Steps
    from modelship.targets.instance import Instance
    from modelship.testing.offline.images import Image

__all__ = ["DockerContainers"]

_SETTINGS = ".modelship_gunicorn.py"


class DockerContainers(DockerBackend):
    """Containers of a Docker engine, which enforces their limits itself."""

    name: ClassVar[str] = "offline-docker"
    _has_gates: bool = False  # the workspace is in front of them and forwards requests

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
        return container_variables(self._starting.image, settings, self._front_key)

    @staticmethod
    def capacity() -> tuple[float, int]:
        with connected() as engine:
            return engine.capacity()

    def start_with(self, draft: Instance, image: Image, steps: Steps) -> Instance:
        self._starting.image = image
        return self.start(draft, self.prepare(release_of(image), steps), steps)

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
        """Do nothing: nothing monitors the containers here."""
