"""Define CustomImage: an image with a server of its own, which is run as it is.

Azure ML starts such an image by its own command, mounts the model, and asks the routes of the
environment's ``inference_config`` whether it is alive and ready.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from modelship.bundle.layout import MODELS
from modelship.runtime.images.dockerfiles import APP_ROOT
from modelship.runtime.images.engine import connected
from modelship.testing.offline import deployment_failures as failures
from modelship.testing.offline.registries.registry_store import model_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.bundle import Resources
    from modelship.progress import Deadline
    from modelship.testing.offline.images import Image

__all__ = ["CUSTOM", "SCORING", "CustomImage", "Runnable", "check_stage", "ensure_pulled"]

CUSTOM: Final = "customContainer"
"""The field of an image request with what runs if the image has its own server."""

SCORING: Final = "/score"
"""The path of the scoring URI of an endpoint."""

_MODEL_DIR: Final = "AZUREML_MODEL_DIR"


@dataclass(frozen=True)
class CustomImage:
    """What a container of such an image is started from.

    Parameters
    ----------
    reference : str
        The name of the image.
    port : int
        The port of its server.
    probes : tuple of str
        The paths that answer with a status below 400 once the server is ready.
    variables : Mapping[str, str]
        Its environment variables.
    resources : Resources
        The most cores and memory that it may use.
    models : Mapping[str, Path]
        The files of its models, by their absolute paths in the container.
    """

    reference: str
    port: int
    probes: tuple[str, ...]
    variables: Mapping[str, str]
    resources: Resources
    models: Mapping[str, Path]

    @classmethod
    def of_request(
        cls,
        request: Mapping[str, Any],
        *,
        resources: Resources,
        files_of: Callable[[str], Mapping[str, Path]],
    ) -> CustomImage:
        """Return what an image request runs; `files_of` returns the files of a model by its id."""
        custom, given = request[CUSTOM], request["environment"].get("environmentVariables") or {}
        variables = {str(name): str(value) for name, value in given.items() if value is not None}
        models: dict[str, Path] = {}
        for model_id in request.get("modelIds") or ():
            name, version = model_place(model_id)
            folder = f"{APP_ROOT}/{MODELS}/{name}/{version}"
            variables[_MODEL_DIR] = folder
            models |= {f"{folder}/{path}": file for path, file in files_of(model_id).items()}
        return cls(
            reference=custom["image"],
            port=custom["port"],
            probes=tuple(custom["probes"]),
            variables=MappingProxyType(variables),
            resources=resources,
            models=MappingProxyType(models),
        )

    def with_variables(self, variables: Mapping[str, str]) -> CustomImage:
        """Return the image with variables added or replaced."""
        return replace(self, variables=MappingProxyType({**self.variables, **variables}))


Runnable: TypeAlias = "Image | CustomImage"
"""What a container is started from."""


def ensure_pulled(reference: str, *, deadline: Deadline) -> None:
    """Pull an image, with Docker's own login, unless the engine has it.

    Raises
    ------
    DeploymentFailure
        If it cannot be pulled.
    TargetUnavailableError
        If no engine answers, or it rejects the request.
    """
    with connected() as engine:
        if engine.image(reference) is not None:
            return
        problem = engine.pull(reference, deadline=deadline)
    if problem:
        raise failures.not_pulled(reference, problem)


def check_stage(stage: str, *, name: str, memory_gb: float) -> None:
    """Fail at an injected stage; other deployments have a script that fails there.

    Raises
    ------
    DeploymentFailure
        If the deployment is to fail once its container runs.
    """
    if stage == "crash":
        raise failures.crashed(name, f"{failures.MARK}: the container exits\n")
    if stage == "out-of-memory":
        raise failures.out_of_memory(name, memory_gb=memory_gb)
    if stage == "never-healthy":
        raise failures.timed_out()
