"""What the log of a build says of an environment before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.environments.curated import is_curated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["notes"]

_MICROSOFT: Final = "mcr.microsoft.com/azureml/"
"""Where the images lie that the SDK names by itself."""


def notes(request: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each way in which a build here differs from one on Azure.

    Parameters
    ----------
    request : Mapping[str, Any]
        The request for an image, with its environment.
    """
    environment = request.get("environment") or {}
    name = str(environment.get("name") or "")
    if is_curated(name):
        yield f"{name} is a stand-in: its packages come from PyPI, and it is not Microsoft's image."
    base = str((environment.get("docker") or {}).get("baseImage") or "")
    if base and not base.startswith(_MICROSOFT):
        yield f"Not simulated: base_image: the packages are installed without {base}."
