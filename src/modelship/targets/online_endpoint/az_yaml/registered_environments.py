"""Read the conda file of an environment that a deployment file refers to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.sources.model import check_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["WRITE_INLINE", "registered_conda"]

WRITE_INLINE: Final = "a mapping with image and conda_file: the packages are read from that file"
"""What can always be written in place of a reference."""

_IN_WORKSPACE: Final = re.compile(
    r"azureml:(?:/subscriptions/.*/environments/)?(?P<name>[^/:@]+)(?::|/versions/)(?P<version>[^/]+)"
)
_IN_REGISTRY: Final = re.compile(
    r"azureml://registries/(?P<registry>[^/]*)/environments/(?P<name>[^/]+)"
    r"/(?:versions/(?P<version>[^/]+)|labels/latest)"
)


def registered_conda(reference: str, open_workspace: Callable[[], MlWorkspace]) -> str:
    """Return the conda file of an environment of the workspace, or of a registry.

    Raises
    ------
    InvalidOptionError, InvalidNameError
        If it does not exist or cannot, or has no conda file.
    WorkspaceError
        If it cannot be read.
    """
    conda = (_document(reference, open_workspace).get("properties") or {}).get("condaFile")
    if not conda:
        expected = "one with a conda file: the packages of an image cannot be read"
        raise InvalidOptionError("environment", reference, expected)
    return str(conda)


def _document(reference: str, open_workspace: Callable[[], MlWorkspace]) -> dict[str, Any]:
    if shared := _IN_REGISTRY.fullmatch(reference):
        from modelship.workspace.ml_registries import open_ml_registry
        from modelship.workspace.registry_names import check_registry_name

        check_registry_name(shared["registry"])
        check_name(shared["name"], kind="environment")
        check_name(shared["version"] or "latest", kind="environment version")
        registry = open_ml_registry(shared["registry"], open_workspace())
        found, place = registry.environment(shared["name"], shared["version"]), "registry"
    elif named := _IN_WORKSPACE.fullmatch(reference):
        found, place = open_workspace().environment(named["name"], named["version"]), "workspace"
    else:
        expected = f"azureml:NAME:VERSION, azureml://registries/…, or {WRITE_INLINE}"
        raise InvalidOptionError("environment", reference, expected)
    if found is None:
        expected = f"an environment that is registered in the {place}, or {WRITE_INLINE}"
        raise InvalidOptionError("environment", reference, expected)
    return found
