"""Read Azure Resource Manager's documents of models, and the URIs of their files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.workspace.arm_requests import ArmError
from modelship.workspace.model_record import RegisteredModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.workspace.location import WorkspaceLocation

__all__ = [
    "FilesPlace",
    "files_place",
    "latest_first",
    "registered",
    "with_framework",
    "workspace_path",
]

_DATASTORE: Final = re.compile(r"azureml://(?:.*/)?datastores/(?P<store>[^/]+)/paths/(?P<path>.+)")
# The files of a run are in a fixed folder of the artifact store.
_JOB: Final = re.compile(r"azureml://(?:.*/)?jobs/(?P<job>[^/]+)/outputs/artifacts/(?:paths/)?(.+)")
_RUN: Final = re.compile(r"runs:/(?P<job>[^/]+)/(.+)")
_FRAMEWORK: Final = ("modelship.framework", "modelship.framework_version")


@dataclass(frozen=True)
class FilesPlace:
    """Where the files of a model are.

    Attributes
    ----------
    datastore : str
        The name of a datastore.
    path : str
        The path of a file or folder in it.
    """

    datastore: str
    path: str


def workspace_path(location: WorkspaceLocation) -> str:
    """Return the path of a workspace below the resource manager."""
    return (
        f"/subscriptions/{location.subscription_id}/resourceGroups/{location.resource_group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{location.workspace_name}"
    )


def files_place(uri: str) -> FilesPlace:
    """Return where the files of a model are.

    Raises
    ------
    ArmError
        If the URI is of another kind, such as a public address.
    """
    if found := _DATASTORE.fullmatch(uri):
        return FilesPlace(found["store"], found["path"])
    if found := _JOB.fullmatch(uri) or _RUN.fullmatch(uri):
        return FilesPlace("workspaceartifactstore", f"ExperimentRun/dcid.{found['job']}/{found[2]}")
    raise ArmError(400, {"message": f"the model's files are at {uri}, which is no datastore"})


def latest_first(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the versions of a model whose names are numbers, the last created one first.

    That is the latest for azure-ai-ml. A version of SDK v2 may be any text; such a model has no
    number to go by.
    """
    numbered = [each for each in documents if str(each.get("name", "")).isdecimal()]
    return sorted(numbered, key=_created, reverse=True)


def _created(document: Mapping[str, Any]) -> tuple[str, int]:
    """Return when a version was created, as text that sorts, and its number."""
    said = document.get("systemData") or {}
    return str(said.get("createdAt") or ""), int(document["name"])


def registered(document: Mapping[str, Any], location_uri: str) -> RegisteredModel:
    """Return the document of a model's version as a value."""
    name, _, version = str(document["id"]).partition("/models/")[2].partition("/versions/")
    said = document.get("properties") or {}
    properties = {key: str(value) for key, value in (said.get("properties") or {}).items()}
    framework, framework_version = (properties.get(key, "") for key in _FRAMEWORK)
    return RegisteredModel(
        model_id=f"{name}:{version}",
        name=name,
        version=int(version),
        uri=f"{location_uri}/models/{name}/versions/{version}",
        tags=said.get("tags") or {},
        properties=properties,
        description=said.get("description") or "",
        framework=framework,
        framework_version=framework_version,
        kind=said.get("modelType") or "",
    )


def with_framework(
    properties: Mapping[str, str], framework: str | None, framework_version: str | None
) -> dict[str, str]:
    """Return properties with the framework, for which SDK v2 has no field of its own."""
    said = zip(_FRAMEWORK, (framework, framework_version), strict=True)
    return {**properties, **{key: value for key, value in said if value}}
