"""From a service's document to an image that can start, with a log of how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from modelship.bundle import Resources
from modelship.bundle.lock import minor_of
from modelship.errors import ModelshipError
from modelship.progress import Steps
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.build_causes import BuildCause
from modelship.testing.offline.environments.curated import notes
from modelship.testing.offline.images import Images
from modelship.testing.offline.pythons import take
from modelship.testing.offline.service_documents import limits, workers
from modelship.testing.offline.specifications import Specification

if TYPE_CHECKING:
    from contextlib import ExitStack

    from modelship.bundle.scoring_script import SourceFile
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.images import Image
    from modelship.testing.offline.operations import Operations
    from modelship.testing.offline.pythons import PythonsHere, PythonsOfImages

__all__ = ["Build", "Builder", "Place"]

_TIMEOUT_S = 1800.0
_UNLIMITED = 1e6  # of cores and of GiB; this machine has fewer


@dataclass(frozen=True)
class Build:
    """One build.

    Parameters
    ----------
    document : dict
        That of the service.
    operation : str
        The operation whose log tells of it.
    stage : str
        The stage that is to go wrong, or ``""``.
    stack : ExitStack
        The image's files are there until it is unwound.
    steps : Steps
        The deadline over all of it.
    """

    document: dict[str, Any]
    operation: str
    stage: str
    stack: ExitStack
    steps: Steps

    @classmethod
    def of(cls, document: dict[str, Any], *, operation: str, stage: str, stack: ExitStack) -> Build:
        """Return a build that begins now."""
        steps = Steps(document["name"], timeout_s=_TIMEOUT_S)
        return cls(document, operation, stage, stack, steps)


class Place(Protocol):
    """What images are built for."""

    @property
    def source(self) -> tuple[SourceFile, ...]:
        """The files that it needs beside those of a service."""

    @property
    def pythons(self) -> PythonsHere | PythonsOfImages:
        """The Pythons that an environment can get."""

    def fit(self, resources: Resources) -> Resources:
        """Return what of `resources` it has."""

    def build(self, image: Image, steps: Steps) -> None:
        """Make what `image` needs before it can start."""


class Builder:
    """Builds images.

    Parameters
    ----------
    store : Store
        Has what was uploaded, and keeps locks.
    operations : Operations
        Hold the logs.
    compute : Place
        What the images are for.
    """

    def __init__(self, store: Store, *, operations: Operations, compute: Place) -> None:
        self._images = Images(store)
        self._operations = operations
        self._compute = compute

    def build(self, build: Build) -> Image | None:
        """Build an image; None if its environment has no server to run it.

        Raises
        ------
        DeploymentFailure
            If it cannot be built; the operation's log says why.
        """
        if build.stage == "build":
            self._operations.write(build.operation, f"{failures.MARK}: the build fails")
            raise failures.build_failed()
        request, conda = build.document["environmentImageRequest"], ""
        try:
            specification = Specification.of_request(request)
            conda = specification.text
            for note in notes(request):
                self._operations.write(build.operation, note)
            for option in specification.dropped:
                note = f"Left out: {option}. Packages come from where this machine gets its own."
                self._operations.write(build.operation, note)
            image = self._build(build, self._on_some_python(build, specification))
        except (ModelshipError, TimeoutError) as error:
            name = str((request.get("environment") or {}).get("name") or "")
            cause = BuildCause.of(error, environment=name, conda=conda)
            self._operations.write(build.operation, cause.log)
            raise failures.build_failed(cause) from error
        return image if specification.has_server else None

    def _on_some_python(self, build: Build, specification: Specification) -> Specification:
        """Return the specification with the Python that it gets here, and say which."""
        asked, pythons = specification.python_release, self._compute.pythons
        if not asked:
            return specification
        taken = take(
            asked,
            here=pythons.beside(minor_of(asked), build.steps),
            place=pythons.place,
            resolve=lambda minor: self._images.lock(specification.with_python(minor)),
        )
        if taken.note:
            self._operations.write(build.operation, taken.note)
        return specification.with_python(taken.minor)

    def _build(self, build: Build, specification: Specification) -> Image:
        request = build.document["environmentImageRequest"]
        environment, lock = self._images.lock(specification)
        # Not before: a specification that is refused may hold the password to a package index.
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
            self._operations.write(build.operation, f"Asked for more than this machine has: {had}.")
        return found
