"""Complete the conda file of a service with the server that an online endpoint needs in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["conda_with_server", "has_server"]

_SERVER: Final = "azureml-inference-server-http"
# azureml-defaults requires the server.
_NAMES: Final = re.compile(rf"\s*(azureml-defaults|{_SERVER})(?![\w-])", re.IGNORECASE)


def has_server(conda: Mapping[str, Any]) -> bool:
    """Return whether Azure ML's inference server is among the packages of a conda file."""
    return any(_NAMES.match(each) for each in _packages(conda))


def conda_with_server(conda: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conda file with the server; Azure ML itself adds it to an image of SDK v1."""
    content = dict(conda)
    if has_server(conda):
        return content
    dependencies = list(content.get("dependencies") or ())
    pip = next((each for each in dependencies if isinstance(each, dict)), None)
    listed = {"pip": [*((pip or {}).get("pip") or ()), _SERVER]}
    others = [each for each in dependencies if each is not pip]
    return {**content, "dependencies": [*others, listed]}


def _packages(conda: Mapping[str, Any]) -> Iterator[str]:
    for each in conda.get("dependencies") or ():
        yield from ((each.get("pip") or ()) if isinstance(each, dict) else (str(each),))
