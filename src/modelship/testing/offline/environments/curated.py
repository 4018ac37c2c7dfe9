"""Stand-ins for Microsoft's curated environments: the same names, with packages from PyPI.

They are data: ``curated.json`` has a conda specification for each name.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["check_stand_in", "curated", "notes", "sent_back"]

_PREFIX: Final = "AzureML-"
_VERSION: Final = "1"
_MICROSOFT: Final = "mcr.microsoft.com/azureml/"  # where the SDK's own images are


def curated() -> list[dict[str, Any]]:
    """Return the stand-ins as documents, with their name, version and definition."""
    return [
        {"name": name, "version": _VERSION, "environment": _definition(name, conda)}
        for name, conda in _specifications().items()
    ]


def sent_back(name: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the definition that a client sends back unchanged; None for another name.

    Raises
    ------
    RefusalError
        If the client would register it again, or has changed it.
    """
    if not name.startswith(_PREFIX):
        return None
    conda = _specifications().get(name)
    if conda is None or (content.get("python") or {}).get("condaDependencies") != conda:
        message = (
            f"Names that begin with {_PREFIX} are Microsoft's: the environment {name} cannot be "
            'registered. Give it another name: environment.clone("my-environment").'
        )
        raise RefusalError(409, "ReservedName", message)
    return _definition(name, conda)


def check_stand_in(name: str) -> None:
    """Refuse a curated environment without a stand-in.

    Raises
    ------
    RefusalError
        With the available names, and what to do instead.
    """
    if name.startswith(_PREFIX):
        message = (
            f"The curated environment {name} is an image of Microsoft's, which is not available "
            f"offline; there are stand-ins for {', '.join(_specifications())}. Write the packages "
            "that you need into a conda file, and read it with "
            "Environment.from_conda_specification."
        )
        raise RefusalError(404, "EnvironmentNotFound", message)


def notes(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each difference between a build here and one on Azure.

    Parameters
    ----------
    request : Mapping[str, Any]
        The request for an image, with its environment.
    """
    environment = request.get("environment") or {}
    name = str(environment.get("name") or "")
    if name in _specifications():
        yield f"{name} is a stand-in: its packages come from PyPI, and it is not Microsoft's image."
    base = str((environment.get("docker") or {}).get("baseImage") or "")
    if base and not base.startswith(_MICROSOFT):
        yield f"Not simulated: base_image: the packages are installed without {base}."


@cache
def _specifications() -> dict[str, dict[str, Any]]:
    text = Path(__file__).with_name("curated.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def _definition(name: str, conda: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "version": _VERSION,
        "python": {
            "interpreterPath": "python",
            "userManagedDependencies": False,
            "condaDependencies": dict(conda),
            "baseCondaEnvironment": None,
        },
        "environmentVariables": {},
        "docker": {"baseImage": None, "baseDockerfile": None, "enabled": False},
        "spark": {"repositories": [], "packages": [], "precachePackages": True},
        "inferencingStackVersion": None,
    }
