"""Push the image of a release to a registry, and register it as an environment.

The image is that of the target ``docker``: it has the packages, the server, the models and the
script. So Azure ML builds nothing, and the deployment has neither a model nor code of its own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import ImagePushError
from modelship.runtime.images.dockerfiles import PORT
from modelship.runtime.images.engine import connected
from modelship.runtime.images.image import remove_unused_images, service_image

if TYPE_CHECKING:
    from modelship.progress import Steps
    from modelship.targets.release import Release
    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["check_engine", "pushed_environment"]

_ENVIRONMENT: Final = "modelship-image"
_DIGITS: Final = 32
_AZURE: Final = ".azurecr.io"
# Words in the messages of Docker engines and registries.
_NO_ACCESS: Final = ("unauthorized", "denied", "authentication", "forbidden", "no basic auth")
_NO_HOST: Final = ("no such host", "connection refused", "timeout", "dial tcp")
_ROUTE: Final = {"port": PORT, "path": "/"}
# What both servers answer; Azure's own examples of custom containers have the same routes.
_ROUTES: Final[dict[str, Any]] = {
    "liveness_route": _ROUTE,
    "readiness_route": _ROUTE,
    "scoring_route": {"port": PORT, "path": "/score"},
}


def check_engine() -> None:
    """Check that a Docker engine answers, which is to build and push images.

    Raises
    ------
    MissingExtraError
        If the Docker SDK is not installed.
    TargetUnavailableError
        If none answers.
    """
    with connected() as engine:
        engine.capacity()


def pushed_environment(
    release: Release,
    workspace: MlWorkspace,
    *,
    registry: str,
    base_image: str | None,
    steps: Steps,
) -> str:
    """Return the id of the environment with the image of a release; build and push what is missing.

    Raises
    ------
    ImageBuildError
        If the image cannot be built.
    ImagePushError
        If the registry does not accept it.
    WorkspaceError
        If the workspace refuses.
    """
    server = release.serving.program
    content = (release.bundle.digest, server.name, server.digest, str(base_image))
    version = hashlib.sha256("\n".join(content).encode()).hexdigest()[:_DIGITS]
    reference = f"{registry}:{version}"
    named = hashlib.sha256(reference.encode()).hexdigest()[:_DIGITS]
    found = workspace.environment(_ENVIRONMENT, named)
    if found is None:
        _push(release, reference, base_image=base_image, steps=steps)
        workspace.put_environment(
            _ENVIRONMENT, named, image=reference, inference_config=_ROUTES, tags={}
        )
        found = workspace.environment(_ENVIRONMENT, named) or {}
    return str(found.get("id") or f"{workspace.id}/environments/{_ENVIRONMENT}/versions/{named}")


def _push(release: Release, reference: str, *, base_image: str | None, steps: Steps) -> None:
    bundle, server = release.bundle, release.serving.program
    with connected() as engine:
        made = service_image(engine, bundle, base_image=base_image, server=server, steps=steps)
        with made as name, steps.step("Push the image"):
            engine.tag(name, reference)
            try:
                problem = engine.push(reference, deadline=steps.deadline)
            finally:
                engine.remove_image(reference)
        remove_unused_images(engine, bundle.digest)
    if problem:
        raise ImagePushError(reference, problem.rstrip("."), _advice(reference, problem))


def _advice(reference: str, problem: str) -> str:
    """Return what to do about a problem that the engine reports of a push."""
    host = reference.partition("/")[0]
    said = problem.casefold()
    if any(word in said for word in _NO_ACCESS):
        name = host.removesuffix(_AZURE)
        login = f"az acr login --name {name}" if name != host else f"docker login {host}"
        role = " with an account that has the role AcrPush" if name != host else ""
        return f"Log in{role}: {login}"
    if any(word in said for word in _NO_HOST):
        return f"Check the name of the registry {host} in registry=, and whether it answers."
    return "Check the message of the registry, and deploy again: the image is built."
