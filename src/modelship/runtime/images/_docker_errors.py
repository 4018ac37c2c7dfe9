"""Translate errors of the Docker SDK, by class name."""

from __future__ import annotations

from types import MappingProxyType

from modelship.errors import ModelshipError, TargetUnavailableError

__all__ = ["ADVICE", "translate"]

_START = "Start Docker (docker info has to answer), or let DOCKER_HOST name an engine that runs."
_SETTINGS = (
    "Correct DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, or the config.json of Docker."
)
_UPGRADE = "Upgrade the engine, or the SDK: pip install --upgrade 'docker>=7'."
_REFUSED = "See what docker info and the engine's own log say, and try again."

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
        "Timeout": _START,
        "RequestException": _REFUSED,
    }
)
"""The advice, by the name of the class in ``docker.errors`` or ``requests``."""


def translate(error: Exception) -> ModelshipError:
    """Return the modelship error for an error of the SDK."""
    names = (each.__name__ for each in type(error).__mro__)
    advice = next((ADVICE[name] for name in names if name in ADVICE), _REFUSED)
    words = getattr(error, "explanation", None) or str(error) or type(error).__name__
    return TargetUnavailableError(
        target="docker", cause=str(words).strip().rstrip("."), advice=advice
    )
