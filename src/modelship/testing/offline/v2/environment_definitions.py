"""Translate the definition of an environment between the formats of SDK v1 and v2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONTENT", "definition_of", "properties_of"]

CONTENT = ("image", "condaFile", "build", "inferenceConfig", "osType")
"""The properties that are the content of a version: a registered version keeps them."""


def definition_of(name: str, version: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return an environment of SDK v2 in SDK v1's format.

    Raises
    ------
    RefusalError
        If its conda file is not YAML, or not the content of one.
    """
    conda = _conda(properties.get("condaFile"))
    build = properties.get("build") or None
    return {
        "name": name,
        "version": version,
        "python": {
            "interpreterPath": "python",
            # Without a conda file, its packages are those of the image.
            "userManagedDependencies": conda is None,
            "condaDependencies": conda,
            "baseCondaEnvironment": None,
        },
        "environmentVariables": {},
        "docker": {
            "baseImage": properties.get("image"),
            "baseDockerfile": None,
            "buildContext": build and {"location": build.get("contextUri"), **build},
            "enabled": False,
        },
        "spark": {"repositories": [], "packages": [], "precachePackages": True},
        "inferencingStackVersion": None,
    }


def properties_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return an environment of SDK v1 in SDK v2's format."""
    python, docker = definition.get("python") or {}, definition.get("docker") or {}
    found: dict[str, Any] = {"image": docker.get("baseImage"), "osType": "Linux"}
    conda = python.get("condaDependencies")
    if conda and not python.get("userManagedDependencies"):
        found["condaFile"] = _text(conda)
    return {name: each for name, each in found.items() if each is not None}


def _conda(text: Any) -> dict[str, Any] | None:
    """Return the content of a conda file, or None if there is none."""
    import yaml

    if not text:
        return None
    try:
        found = json.loads(json.dumps(yaml.safe_load(str(text)), default=str))
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        message = "The condaFile of the environment is not the YAML of a conda environment."
        raise RefusalError(400, "BadArgument", message)
    return found


def _text(conda: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(json.loads(json.dumps(conda)), sort_keys=False))
