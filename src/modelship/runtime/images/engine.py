"""Wrap the Docker SDK, which no other module imports."""

from __future__ import annotations

import os
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from modelship.errors import (
    ImageBuildError,
    MissingExtraError,
    ModelshipError,
    TargetUnavailableError,
)
from modelship.runtime.images.build_remains import BuildRemains
from modelship.runtime.images.long_calls import follow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from docker import APIClient, DockerClient

    from modelship.progress import Deadline

__all__ = ["ADVICE", "Engine", "connected", "translated"]

_CALL_TIMEOUT_S = 30

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


class Engine(BuildRemains):
    """A Docker engine. Each call has a timeout; removing what does not exist is no error."""

    def __init__(self, client: DockerClient, facts: dict[str, str]) -> None:
        import docker

        self._api: APIClient = client.api
        self._facts = facts
        self._errors = docker.errors

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


def translated(error: Exception) -> ModelshipError:
    """Return the modelship error for an error of the SDK."""
    names = (each.__name__ for each in type(error).__mro__)
    advice = next((ADVICE[name] for name in names if name in ADVICE), _REFUSED)
    words = getattr(error, "explanation", None) or str(error) or type(error).__name__
    return TargetUnavailableError(
        target="docker", cause=str(words).strip().rstrip("."), advice=advice
    )
