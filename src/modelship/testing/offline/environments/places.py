"""Where an environment is installed: in a folder of this machine, or in an image of Docker's."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from modelship.runtime.environments import environment_python
from modelship.runtime.images.engine import connected
from modelship.runtime.images.image import environment_image
from modelship.testing.offline.builds import Builder
from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

if TYPE_CHECKING:
    from modelship.bundle import Resources
    from modelship.bundle.scoring_script import SourceFile
    from modelship.progress import Steps
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.packages.registry import Registry

__all__ = ["Places"]

Kind = Literal["process", "docker"]


class Places:
    """The places of an offline workspace where environments are installed.

    Parameters
    ----------
    store : Store
        Has what was uploaded, and keeps locks.
    default : {"process", "docker"}
        Where the services of the workspace run.
    base_image : str, optional
        What images stand on.
    registry : Registry
        Where the Docker engine gets images by name.
    """

    def __init__(
        self, store: Store, *, default: Kind, base_image: str | None, registry: Registry
    ) -> None:
        self._store = store
        self.default = default
        self.registry = registry
        self._base_image = base_image
        self.pythons_of_images = PythonsOfImages(base_image)
        self.pythons_here = PythonsHere()

    def builder(self, kind: str, operations: Operations) -> Builder:
        """Return what builds environments for one place, without a service in them."""
        place = _Images(self) if kind == "docker" else _Folders(self)
        return Builder(self._store, operations=operations, compute=place)

    def place(self, kind: str, image: Image, steps: Steps) -> dict[str, Any]:
        """Return where the environment of an image that was built is."""
        lock = image.bundle.lock
        if kind == "docker":
            name = self.environment(image, steps)
            says = f"The environment is the image {name}."
            return {"image": name, "python": "/opt/modelship/bin/python", "says": says}
        python = environment_python(lock, timeout_s=steps.deadline.remaining_s)
        says = f"The environment is in {python.parent.parent}: run {python} your_script.py"
        return {"image": "", "python": str(python), "says": says}

    def environment(self, image: Image, steps: Steps) -> str:
        """Build the image of an environment, and return its name in the registry."""
        lock = image.bundle.lock
        with connected() as engine:
            built = environment_image(engine, lock, base_image=self._base_image, steps=steps)
            return self.registry.add(engine, built, name="environment")

    def details(self, key: str, where: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the SDK's ``get_image_details`` gives; `where` is None before a build."""
        repository = f"azureml/azureml_{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        image = (where or {}).get("image") or ""
        name = image.partition("/")[2] or repository
        python = (where or {}).get("python") or "python"
        return {
            "imageExistsInRegistry": where is not None,
            "dockerImage": {"name": name, "registry": self.registry.credentials},
            "pythonEnvironment": {
                "interpreterPath": python,
                "condaEnvironmentName": None,
                "condaEnvironmentPath": python.removesuffix("/bin/python"),
            },
            "ingredients": {"dockerfile": f"FROM {image}\n" if image else None},
        }


class _Folders:
    """Environments in folders of this machine."""

    source: tuple[SourceFile, ...] = ()

    def __init__(self, places: Places) -> None:
        self.pythons = places.pythons_here

    @staticmethod
    def fit(resources: Resources) -> Resources:
        return resources

    @staticmethod
    def build(image: Image, steps: Steps) -> None:
        with steps.step("Prepare the environment"):
            environment_python(image.bundle.lock, timeout_s=steps.deadline.remaining_s)


class _Images:
    """Environments in images of a Docker engine."""

    source: tuple[SourceFile, ...] = ()

    def __init__(self, places: Places) -> None:
        self._places = places
        self.pythons = places.pythons_of_images

    @staticmethod
    def fit(resources: Resources) -> Resources:
        return resources

    def build(self, image: Image, steps: Steps) -> None:
        self._places.environment(image, steps)
