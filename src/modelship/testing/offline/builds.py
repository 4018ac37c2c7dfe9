"""Build an image that can start from a service's document, and log the build."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from modelship.bundle import Resources
from modelship.errors import ModelshipError
from modelship.progress import Steps
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.build_causes import BuildCause
from modelship.testing.offline.custom_images import (
    CUSTOM,
    CustomImage,
    Runnable,
    check_stage,
    ensure_pulled,
)
from modelship.testing.offline.images import Images
from modelship.testing.offline.pythons import on_some_python
from modelship.testing.offline.service_documents import limits, workers
from modelship.testing.offline.specifications import Specification

if TYPE_CHECKING:
    from contextlib import ExitStack

    from modelship.bundle.scoring_script import SourceFile
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

__all__ = ["Build", "Builder", "Place"]

_TIMEOUT_S = 1800.0
_TOO_SLOW = f"The image was not pulled within {_TIMEOUT_S:.0f} seconds."
_UNLIMITED = 1e6  # of cores and of GiB; this machine has fewer


@dataclass
class Build:
    """One build, which starts now.

    Parameters
    ----------
    document : dict
        The document of the service.
    operation : str
        The operation whose log the build writes to.
    stack : ExitStack
        The image's files exist until it is unwound.
    stage : str
        The stage that is to fail, or ``""``.
    """

    document: dict[str, Any]
    operation: str
    stack: ExitStack
    stage: str = ""

    def __post_init__(self) -> None:
        self.steps = Steps(self.document["name"], timeout_s=_TIMEOUT_S)
        """The deadline for the whole build."""


class Place(Protocol):
    """The place that images are built for."""

    @property
    def source(self) -> tuple[SourceFile, ...]:
        """The files that it needs in addition to those of a service."""

    @property
    def pythons(self) -> PythonsHere | PythonsOfImages:
        """The Pythons available for an environment."""

    def fit(self, resources: Resources) -> Resources:
        """Return `resources`, limited to what the place has."""

    def build(self, image: Image, steps: Steps) -> None:
        """Build what `image` needs before it can start."""


class Builder:
    """Builds images.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    compute : Place
        The place that the images are for.
    """

    def __init__(self, context: Context, compute: Place) -> None:
        self._images = Images(context.store)
        self._operations = context.operations
        self._compute = compute

    def build(self, build: Build) -> Image | None:
        """Build an image; return None if its environment has no server to run it.

        Raises
        ------
        DeploymentFailure
            If it cannot be built; the operation's log has the cause.
        """
        if build.stage == "build":
            self._operations.write(build.operation, f"{failures.MARK}: the build fails")
            self._operations.publish(build.operation)
            raise failures.build_failed()
        request, conda = build.document["environmentImageRequest"], ""
        try:
            specification = Specification.of_request(request)
            conda = specification.text
            chosen = on_some_python(
                specification,
                pythons=self._compute.pythons,
                images=self._images,
                steps=build.steps,
                say=partial(self._operations.write, build.operation),
            )
            image = self._build(build, chosen)
        except (ModelshipError, TimeoutError) as error:
            name = str((request.get("environment") or {}).get("name") or "")
            cause = BuildCause.of(error, environment=name, conda=conda)
            self._operations.write(build.operation, cause.log)
            self._operations.publish(build.operation)
            raise failures.build_failed(cause) from error
        return image if specification.has_server else None

    def obtain(self, build: Build) -> Runnable | None:
        """Build an image, or pull one that has a server of its own.

        Raises
        ------
        DeploymentFailure
            If there is none to start.
        """
        is_custom = CUSTOM in build.document["environmentImageRequest"] and build.stage != "build"
        if not is_custom:
            return self.build(build)
        try:
            return self._pulled(build)
        except (ModelshipError, TimeoutError) as error:
            raise failures.never_started(str(error) or _TOO_SLOW) from error

    def _pulled(self, build: Build) -> CustomImage:
        self._operations.step(build.operation, "BuildImage", "Pulling the image.")
        image = CustomImage.of_request(
            build.document["environmentImageRequest"],
            resources=self._resources(build),
            files_of=self._images.model_files,
        )
        ensure_pulled(image.reference, deadline=build.steps.deadline)
        check_stage(build.stage, name=build.document["name"], memory_gb=image.resources.memory_gb)
        return image

    def _build(self, build: Build, specification: Specification) -> Image:
        request = build.document["environmentImageRequest"]
        environment, lock = self._images.lock(specification)
        # Not earlier: a refused specification may contain the password of a package index.
        packages = "\n".join(f"{name}=={version}" for name, version in lock.versions.items())
        self._operations.write(build.operation, f"{specification.text}\n{packages}")
        self._operations.step(build.operation, "BuildImage", "Building image.")
        script, source = self._images.source(request)
        image = build.stack.enter_context(
            self._images.assembled(
                request,
                environment=environment,
                lock=lock,
                entry_script=script,
                source=(
                    *failures.sabotaged(source, entry_script=script, stage=build.stage),
                    *self._compute.source,
                ),
                resources=self._resources(build),
            )
        )
        self._compute.build(image, build.steps)
        self._operations.write(build.operation, "The image is built.")
        return image.with_workers(workers(build.document))

    def _resources(self, build: Build) -> Resources:
        cores, memory_gb = limits(build.document)
        wanted = Resources(cpu_cores=cores or _UNLIMITED, memory_gb=memory_gb or _UNLIMITED)
        found = self._compute.fit(wanted)
        if (cores or 0) > found.cpu_cores or (memory_gb or 0) > found.memory_gb:
            had = f"{found.cpu_cores:g} cores and {found.memory_gb:.1f} GiB"
            self._operations.write(
                build.operation, f"The service requests more than this machine has: {had}."
            )
        return found
