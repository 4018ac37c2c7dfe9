"""Wrap the Docker SDK, which no other module imports."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.errors import (
    ImageBuildError,
    MissingExtraError,
    ModelshipError,
    TargetUnavailableError,
)
from modelship.runtime.images.inspection import Image
from modelship.runtime.images.long_calls import follow
from modelship.runtime.images.volume_calls import VolumeCalls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docker import APIClient, DockerClient

    from modelship.progress import Deadline

__all__ = ["ADVICE", "Engine", "connected", "translated"]

_CALL_TIMEOUT_S = 30
_DAY_S = 86_400
_STEP = "#(nop)"  # the builder's marker of a step that runs no command

_START = "Start Docker (docker info has to answer), or set DOCKER_HOST to a running engine."
_BUSY = (
    "Check that docker info answers, wait until other builds and deletions have ended, and try "
    "again."
)
_SETTINGS = (
    "Correct DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, or the config.json of Docker."
)
_UPGRADE = "Upgrade the engine, or the SDK: pip install --upgrade 'docker>=7'."
_REFUSED = "Check docker info and the engine's own log, and try again."

ADVICE = MappingProxyType(
    {
        "DockerException": _START,
        "APIError": _REFUSED,
        "NotFound": _REFUSED,
        "ImageNotFound": _REFUSED,
        "InvalidVersion": _UPGRADE,
        "InvalidRepository": "Correct the image's name in base_image= (--option base_image=IMAGE).",
        "InvalidConfigFile": _SETTINGS,
        "InvalidArgument": _UPGRADE,
        "DeprecatedMethod": _UPGRADE,
        "TLSParameterError": _SETTINGS,
        "NullResource": _UPGRADE,
        "ContainerError": _REFUSED,
        "StreamParseError": _UPGRADE,
        "BuildError": _REFUSED,
        "ImageLoadError": _REFUSED,
        "MissingContextParameter": _SETTINGS,
        "ContextAlreadyExists": _SETTINGS,
        "ContextException": _SETTINGS,
        "ContextNotFound": _SETTINGS,
        # of requests, the HTTP library of the SDK
        "ConnectionError": _START,
        "Timeout": _BUSY,
        "RequestException": _REFUSED,
    }
)
"""The advice, by the name of the class in ``docker.errors`` or ``requests``."""

_CHOICES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_facts: dict[tuple[str | None, ...], dict[str, str]] = {}  # of the engines of this process


@contextmanager
def connected() -> Iterator[Engine]:
    """Yield the engine of Docker's environment variables; translate the errors of the SDK.

    Raises
    ------
    MissingExtraError
        If the Docker SDK is not installed.
    TargetUnavailableError
        If no engine answers, or it rejects a request.
    """
    try:
        import docker
    except ImportError as error:
        raise MissingExtraError(purpose="The docker target", extra="docker") from error
    import requests

    foreign = (docker.errors.DockerException, docker.errors.StreamParseError)
    chosen = tuple(map(os.environ.get, _CHOICES))
    facts = _facts.setdefault(chosen, {})
    try:
        # An engine that is asked for its version starts two programs to answer.
        client = docker.from_env(timeout=_CALL_TIMEOUT_S, version=facts.get("ApiVersion"))
        facts["ApiVersion"] = client.api.api_version
        try:
            yield Engine(client, facts)
        finally:
            client.close()
    except (*foreign, requests.RequestException) as error:
        _facts.pop(chosen, None)  # another engine may have taken its place
        raise translated(error) from error


class Engine(VolumeCalls):
    """A Docker engine. Each call has a timeout; removing what does not exist is no error."""

    def __init__(self, client: DockerClient, facts: dict[str, str]) -> None:
        import docker

        self._api: APIClient = client.api
        self._facts = facts
        self._errors = docker.errors

    def image(self, reference: str) -> Image | None:
        """Return the image with this name or id, or None."""
        try:
            found = self._api.inspect_image(reference)  # type: ignore[no-untyped-call]  # its stub
        except self._errors.NotFound:
            return None
        return Image.from_inspection(found)

    def has_image(self, label: str) -> bool:
        """Return whether an image has this label."""
        return bool(self._api.images(filters={"label": label}))

    def images(self, label: str) -> list[Image]:
        """Return all images with this label, including those without a name."""
        listed: list[dict[str, Any]] = self._api.images(filters={"label": label})
        return [Image.from_listing(each) for each in listed]

    def every_image(self) -> list[Image]:
        """Return all images, including those without a name that no other image is based on."""
        listed = {each["Id"] for each in self._api.images()}
        found = (self.image(image_id) for image_id in sorted(listed))
        return [each for each in found if each is not None]

    def images_of_containers(self) -> list[Image]:
        """Return the images of all containers, running or not."""
        used = {each["ImageID"] for each in self._api.containers(all=True)}
        found = (self.image(image_id) for image_id in sorted(used))
        return [each for each in found if each is not None]

    def pull(self, reference: str, *, deadline: Deadline) -> str:
        """Pull an image; return the engine's error message if that fails, else ``""``."""
        from docker import auth
        from docker.utils import parse_repository_tag

        repository, tag = parse_repository_tag(reference)
        registry, _ = auth.resolve_repository_name(repository)
        header = auth.get_config_header(self._api, registry)
        _, problem = follow(
            self._api,
            "/images/create",
            params={"fromImage": repository, "tag": tag or "latest"},
            headers={"X-Registry-Auth": header.decode()} if header else {},
            deadline=deadline,
        )
        return problem

    def push(self, reference: str, *, deadline: Deadline) -> str:
        """Push an image; return the engine's error message if that fails, else ``""``."""
        from docker import auth

        repository, _, tag = reference.rpartition(":")
        registry, _ = auth.resolve_repository_name(repository)
        # The engine requires the header, also for a registry without a login.
        header = auth.get_config_header(self._api, registry) or auth.encode_header({})
        _, problem = follow(
            self._api,
            f"/images/{repository}/push",
            params={"tag": tag},
            headers={"X-Registry-Auth": header.decode()},
            deadline=deadline,
        )
        return problem

    def build(
        self, context: Iterable[bytes], *, tag: str, deadline: Deadline, cache: bool = True
    ) -> str:
        """Build an image from a tar stream that contains a Dockerfile; return the end of the log.

        The build has no network access, and does not inherit the environment of this process. It is
        stopped when the connection is closed, so an interrupt stops it too.

        Raises
        ------
        ImageBuildError
            If the build fails; the error contains the end of the build log.
        """
        log, problem = follow(
            self._api,
            "/build",
            params={
                "t": tag,
                "networkmode": "none",
                "nocache": not cache,
                "rm": True,
                "forcerm": True,
            },
            headers={"Content-Type": "application/x-tar"},
            data=context,
            deadline=deadline,
        )
        if problem:
            raise ImageBuildError(image=tag, problem=problem.rstrip(".\n"), build_log=log)
        return log

    def tag(self, reference: str, name: str) -> None:
        """Add a name to an image."""
        repository, _, tag = name.rpartition(":")
        self._api.tag(reference, repository, tag)

    def remove_image(self, reference: str) -> None:
        """Remove an image, unless it is in use."""
        with self._unless_gone_or_used():
            self._api.remove_image(reference)

    def remove_nameless(self, image_id: str) -> bool:
        """Remove an image without a name, unless it is in use; return False if it has a name."""
        if (found := self.image(image_id)) is None:
            return True
        if not found.names:
            self.remove_image(image_id)
        return not found.names

    def sweep(self, label: str, *, sparing: str) -> None:
        """Remove the unnamed images and the containers of builds with a label.

        Images inherit labels; containers with the label `sparing` are kept.
        """
        with suppress(self._errors.APIError):
            for container in self.containers(labels=[label]):
                if sparing not in container.labels:
                    self._api.remove_container(container.name, v=True, force=True)
        # One by one: an engine rejects a prune request while another one is running.
        with suppress(self._errors.APIError):
            for image in self._api.images(quiet=True, filters={"dangling": True, "label": label}):
                self.remove_image(image)

    def sweep_steps(self, label: str) -> None:
        """Remove the remains of builds with a label that another program started.

        For example those of the Docker SDK itself, which keep a container for each step that runs
        no command, and with it the image of that step. Containers that were created to run are
        kept.
        """
        filters: dict[str, Any] = {"label": label, "status": "created"}
        with suppress(self._errors.APIError):
            for container in self._api.containers(all=True, filters=filters):
                if _STEP in container["Command"]:
                    self._api.remove_container(container["Id"], v=True)
            for image in self._api.images(quiet=True, filters={"dangling": True, "label": label}):
                self.remove_image(image)

    def sweep_forgotten(self, label: str, *, prefix: str, age_s: int = _DAY_S) -> None:
        """Remove what is old of the unnamed images and the containers of builds with a label.

        Containers inherit the labels of their images. Those of builds have names with a prefix, and
        were never started.
        """
        unused = {"label": label, "status": "created", "name": f"^/{prefix}"}
        with suppress(self._errors.APIError):
            for container in self._api.containers(all=True, filters=unused):
                if container["Created"] <= time.time() - age_s:
                    self._api.remove_container(container["Id"], v=True)
            for image_id in self._forgotten_images(label, before_s=time.time() - age_s):
                self.remove_image(image_id)

    def _forgotten_images(self, label: str, *, before_s: float) -> list[str]:
        """Return the old unnamed images of builds: with a label that no complete image has.

        What a user builds of a complete image has its label, and perhaps no name.
        """
        name = label.partition("=")[0]
        # There are few, and an engine reads the others only for the full list.
        nameless = self._api.images(filters={"label": label, "dangling": True})
        old = [each for each in nameless if each["Created"] <= before_s and each["Labels"][name]]
        if not old:
            return []
        complete = {each.labels[name] for each in self.images(label) if each.names}
        return [each["Id"] for each in old if each["Labels"][name] not in complete]


def translated(error: Exception) -> ModelshipError:
    """Return the modelship error for an error of the SDK."""
    names = (each.__name__ for each in type(error).__mro__)
    advice = next((ADVICE[name] for name in names if name in ADVICE), _REFUSED)
    words = getattr(error, "explanation", None) or str(error) or type(error).__name__
    return TargetUnavailableError(
        target="docker", cause=str(words).strip().rstrip("."), advice=advice
    )
