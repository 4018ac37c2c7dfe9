"""Where an environment is installed: in a folder on this machine, or in a Docker image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.runtime.environments import environment_python
from modelship.runtime.images.engine import connected
from modelship.runtime.images.image import environment_image
from modelship.testing.offline.builds import Build, Builder
from modelship.testing.offline.deployment_failures import never_started
from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from modelship.bundle import Resources
    from modelship.bundle.scoring_script import SourceFile
    from modelship.progress import Steps
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.packages.image_registry import Registry

__all__ = ["Places"]

_NO_SERVER: Final = (
    "The environment does not list azureml-defaults, so it has no server for the script."
)
_RESOURCES: Final = {"cpu": 0.1, "memoryInGB": 0.5}


class Places:
    """The places of an offline workspace where environments are installed.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    registry : Registry
        The registry from which the Docker engine gets images by name.
    """

    def __init__(self, context: Context, registry: Registry) -> None:
        self._context = context
        self.default = context.compute
        """The place where the services of the workspace run."""
        self.registry = registry
        self.pythons_of_images = PythonsOfImages(context.base_image)
        self.pythons_here = PythonsHere()

    def build(
        self, kind: str, request: Mapping[str, Any], *, operation: str, stack: ExitStack
    ) -> tuple[Image, Steps]:
        """Build the image of a request, and its environment in one place.

        Parameters
        ----------
        kind : {"process", "docker"}
            The place.
        request : Mapping[str, Any]
            The request, with an environment.
        operation : str
            The operation whose log the build writes to.
        stack : ExitStack
            The image's files exist until it is unwound.

        Raises
        ------
        DeploymentFailure
            If it cannot be built; the operation's log has the cause.
        """
        document = {
            "name": request["environment"].get("name") or "package",
            "environmentImageRequest": request,
            "containerResourceRequirements": _RESOURCES,
        }
        build = Build(document, operation, stack)
        image = Builder(self._context, _Installer(self, kind)).build(build)
        if image is None:
            self._context.operations.write(operation, _NO_SERVER)
            raise never_started(_NO_SERVER)
        return image, build.steps

    def place(self, kind: str, image: Image, steps: Steps) -> dict[str, Any]:
        """Return the location of the environment of a built image."""
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
            built = environment_image(
                engine, lock, base_image=self._context.base_image, steps=steps
            )
            return self.registry.add(engine, built, name="environment")

    def details(self, key: str, where: dict[str, Any] | None) -> dict[str, Any]:
        """Return the result of the SDK's ``get_image_details``; `where` is None before a build."""
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


@dataclass(frozen=True)
class _Installer:
    """Installs environments in one place, without a service in them."""

    places: Places
    kind: str
    source: tuple[SourceFile, ...] = ()

    @property
    def pythons(self) -> PythonsHere | PythonsOfImages:
        is_docker = self.kind == "docker"
        return self.places.pythons_of_images if is_docker else self.places.pythons_here

    @staticmethod
    def fit(resources: Resources) -> Resources:
        return resources

    def build(self, image: Image, steps: Steps) -> None:
        with steps.step("Prepare the environment"):
            self.places.place(self.kind, image, steps)
