"""Container Instances on this machine: modelship's own backends, in a separate namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from modelship.bundle import Resources
from modelship.errors import InvalidOptionError
from modelship.targets.instance import Instance
from modelship.testing.offline.compute_docker import DockerContainers
from modelship.testing.offline.compute_processes import ProcessContainers
from modelship.testing.offline.launching import release_of

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.bundle.scoring_script import SourceFile
    from modelship.progress import Steps
    from modelship.targets.state import State
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

__all__ = ["Compute", "Kind"]

Kind = Literal["process", "docker"]


class Compute:
    """Runs the containers of one workspace.

    Parameters
    ----------
    folder : Path
        Where they store their files; it also separates them from those of another workspace.
    kind : {"process", "docker"}
        What a container is: a process on this machine, or a container of a Docker engine.
    base_image : str, optional
        With ``"docker"``, as for the target ``docker``.
    front_key : str
        The key that their servers require from clients; none if it is empty.

    Raises
    ------
    InvalidOptionError
        If the kind is unknown, or the image is not a valid image name.
    """

    def __init__(
        self, folder: Path, *, kind: Kind, base_image: str | None = None, front_key: str = ""
    ) -> None:
        self._containers: ProcessContainers | DockerContainers
        if kind == "process":
            self._containers = ProcessContainers(folder, front_key=front_key)
        elif kind == "docker":
            self._containers = DockerContainers(folder, base_image=base_image, front_key=front_key)
        else:
            raise InvalidOptionError(option="compute", found=kind, expected="process or docker")

    @property
    def source(self) -> tuple[SourceFile, ...]:
        """The files that it needs in addition to those of a service."""
        return self._containers.source

    @property
    def pythons(self) -> PythonsHere | PythonsOfImages:
        """The Pythons available for an environment."""
        return self._containers.pythons

    def fit(self, resources: Resources) -> Resources:
        """Return `resources`, limited to what this machine has; Azure has more."""
        cores, memory_bytes = self._containers.capacity()
        return Resources(
            cpu_cores=min(resources.cpu_cores, cores),
            memory_gb=min(resources.memory_gb, memory_bytes / 2**30),
        )

    def build(self, image: Image, steps: Steps) -> None:
        """Build what `image` needs before it can start."""
        self._containers.prepare(release_of(image), steps)

    def start(self, name: str, image: Image, steps: Steps) -> Instance:
        """Start a container, without waiting for it."""
        draft = Instance.draft(release_of(image), name=name)
        return self._containers.start_with(draft, image, steps)

    def state(self, instance: Instance) -> State:
        """Return the state of a container; sends a request to its server."""
        return self._containers.observe(instance).state

    def ended(self, instance: Instance) -> bool:
        """Return whether nothing of a container is running; sends no request to its server."""
        return self._containers.ended(instance)

    def ran_out_of_memory(self, instance: Instance) -> bool:
        """Return whether a container was killed at its memory limit."""
        return self._containers.ran_out_of_memory(instance)

    def logs(self, instance: Instance) -> str:
        """Return the output of a container."""
        return self._containers.logs(instance)

    @property
    def can_be_measured(self) -> bool:
        """Whether :meth:`usage` is supported: only for processes."""
        return isinstance(self._containers, ProcessContainers)

    def usage(self, instance: Instance) -> tuple[float, int]:
        """Return a container's CPU time so far, in seconds, and its memory, in bytes."""
        places = self._containers
        return places.usage(instance) if isinstance(places, ProcessContainers) else (0.0, 0)

    def stop(self, instance: Instance) -> None:
        """Stop a container; does nothing if it is gone."""
        self._containers.stop(instance)

    def stop_all(self) -> None:
        """Stop all containers of this workspace, including those that an earlier process left."""
        for instance in self._containers.instances():
            self._containers.stop(instance)

    def close(self) -> None:
        """Stop all containers and the thread that monitors them."""
        self.stop_all()
        self._containers.close()
