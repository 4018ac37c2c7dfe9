"""Read and register models of an Azure ML registry, which many workspaces share.

A registry is found by its name through a discovery service, and its models are then read from the
region that answers for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from modelship.errors import (
    ModelNotFoundError,
    RegistryNotFoundError,
    WorkspaceCredentialsError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
    WorkspaceUnreachableError,
)
from modelship.workspace import _ml_client
from modelship.workspace.arm_requests import ArmError, ArmRequests
from modelship.workspace.asking import Asker
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.ml_access import access_to, session_to
from modelship.workspace.ml_documents import with_framework
from modelship.workspace.ml_errors import translate_ml
from modelship.workspace.ml_workspace import open_ml
from modelship.workspace.registry_models import RegistryModels
from modelship.workspace.registry_names import check_registry_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import requests

    from modelship.workspace.clouds import Cloud
    from modelship.workspace.model_record import RegisteredModel

__all__ = ["MlRegistry", "open_ml_registry", "registry_of"]

_DISCOVERY: Final = "v1.0"
_CALL_TIMEOUT_S: Final = 120.0
_TRANSFER_TIMEOUT_S: Final = 3600.0
_NEARBY: Final = 10
_OF_PLACES: Final = (WorkspaceCredentialsError, WorkspaceRequestError, WorkspaceUnreachableError)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class _RegistryLocation(WorkspaceLocation):
    """Where a registry is: its name is all that a client needs."""

    @property
    def uri(self) -> str:
        """The registry as a URI."""
        return f"azureml://registries/{self.workspace_name}"


class MlRegistry:
    """The models of a registry.

    Parameters
    ----------
    name : str
        The name of the registry.
    cloud : Cloud
        The cloud that it is in.
    token : Callable[[str], str]
        Returns a token for a scope.
    session : requests.Session
        The connections.
    """

    def __init__(
        self, name: str, cloud: Cloud, token: Callable[[str], str], *, session: requests.Session
    ) -> None:
        self.name = name
        self.location: WorkspaceLocation = _RegistryLocation("", "", name)
        self._cloud = cloud
        self._token = token
        self._session = session
        self._asker = Asker(self.location, translate=translate_ml)

    @property
    def uri(self) -> str:
        """The registry as a URI."""
        return self.location.uri

    def model(self, name: str, version: int | None = None) -> RegisteredModel:
        """Return a model, the latest if no version is given.

        Raises
        ------
        ModelNotFoundError
            If there is none.
        WorkspaceError
            If the registry cannot be read.
        """
        doing = f"find the model {name!r}"
        if version is not None:  # the list has no archived versions
            one = self._ask(
                doing, lambda: self._models.model(name, version), timeout_s=_CALL_TIMEOUT_S
            )
            if one is not None:
                return one
        found = self._ask(doing, lambda: self._models.models(name), timeout_s=_CALL_TIMEOUT_S)
        if version is None and found:
            return found[0]
        location = f"{self.uri}/models/{name}" + (f"/versions/{version}" if version else "")
        nearby = [each.model_id for each in found[:_NEARBY]]
        raise ModelNotFoundError(location=location, nearby=nearby)

    def models(
        self, name: str | None = None, *, properties: Mapping[str, str] | None = None
    ) -> Sequence[RegisteredModel]:
        """Return the models with this name and these properties, the newest first."""

        def listed() -> list[RegisteredModel]:
            names = [name] if name else self._models.names()
            return [each for one in names for each in self._models.models(one)]

        found = self._ask("list its models", listed, timeout_s=_CALL_TIMEOUT_S)
        wanted = (properties or {}).items()
        return [each for each in found if wanted <= each.properties.items()]

    def download(
        self, model_id: str, folder: Path, *, timeout_s: float = _TRANSFER_TIMEOUT_S
    ) -> None:
        """Write a model's file or folder into `folder`."""
        doing = f"download the model {model_id!r}"
        self._ask(doing, lambda: self._models.download(model_id, folder), timeout_s=timeout_s)

    def register(
        self,
        path: Path,
        *,
        name: str,
        tags: Mapping[str, str],
        properties: Mapping[str, str],
        description: str = "",
        framework: str | None = None,
        framework_version: str | None = None,
        kind: str = "custom_model",
        timeout_s: float = _TRANSFER_TIMEOUT_S,
        doing: str = "",
    ) -> RegisteredModel:
        """Upload a file or folder as the next version of the model `name`."""
        described = with_framework(properties, framework, framework_version)
        return self._ask(
            doing or f"register the model {name!r}",
            lambda: self._models.register(
                path, name=name, timeout_s=timeout_s, modelType=kind, tags=dict(tags),
                properties=described, description=description or None,
            ),
            timeout_s=timeout_s,
        )  # fmt: skip

    def environment(self, name: str, version: str | None = None) -> dict[str, Any] | None:
        """Return the document of an environment, the latest version if none is given.

        None if there is none.
        """
        doing = f"read the environment {name!r}"
        return self._ask(
            doing, lambda: self._models.environment(name, version), timeout_s=_CALL_TIMEOUT_S
        )

    def tag(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to a model."""
        doing = f"tag the model {model_id!r}"
        self._ask(doing, lambda: self._models.tag(model_id, tags), timeout_s=_CALL_TIMEOUT_S)

    @cached_property
    def _models(self) -> RegistryModels:
        """The models in the region of the registry, which is looked up once."""
        discovery = ArmRequests(
            self._cloud.registry_discovery,
            lambda: self._token(f"{self._cloud.ml_audience}/.default"),
            session=self._session,
        )
        path = f"/registrymanagement/v1.0/registries/{quote(self.name)}/discovery"
        found = discovery.get(path, version=_DISCOVERY)
        if found is None:
            raise RegistryNotFoundError(self.name)
        return self._in_region(found)

    def _ask(self, doing: str, call: Callable[[], _Answer], *, timeout_s: float) -> _Answer:
        """Run a call; its errors are of the registry, not of a workspace."""
        try:
            return self._asker(doing, call, timeout_s=timeout_s)
        except _OF_PLACES as error:
            error.kind = "registry"
            raise

    def _in_region(self, found: dict[str, Any]) -> RegistryModels:
        region = str(found.get("primaryRegionResourceProviderUri") or "").rstrip("/")
        if not region.startswith(("https://", self._cloud.registry_discovery)):
            raise ArmError(502, {"message": "the discovery of registries names no region"})
        arm = ArmRequests(
            f"{region}/mferp/managementfrontend",
            lambda: self._token(self._cloud.scope),
            session=self._session,
        )
        path = (
            f"/subscriptions/{found['subscriptionId']}/resourceGroups/{found['resourceGroup']}"
            f"/providers/Microsoft.MachineLearningServices/registries/{self.name}"
        )
        return RegistryModels(self.uri, path, arm, self._session)


def open_ml_registry(name: str, workspace: object = None) -> MlRegistry:
    """Return a registry; it is not called yet.

    Without a workspace, a ``config.json`` here or above decides whether it is one of an offline
    workspace.

    Parameters
    ----------
    name : str
        Its name.
    workspace : azure.ai.ml.MLClient, str or Path, optional
        A client, or the ``config.json`` of a workspace, to sign in as; by default with the
        credentials that azure-identity finds.

    Raises
    ------
    InvalidNameError
        If no registry can have this name.
    MissingExtraError
        If azure-identity is not installed.
    WorkspaceError
        If the workspace cannot be opened.
    """
    check_registry_name(name)
    location = WorkspaceLocation("", "", name)
    if workspace is None:
        location = _offline_here() or location
        return MlRegistry(name, *access_to(location, None), session=session_to(location))
    if _ml_client.is_client(workspace):
        cloud, token = _ml_client.access_of(workspace)
        return MlRegistry(name, cloud, token, session=session_to(location))
    opened = open_ml(workspace)
    return MlRegistry(name, *opened.access, session=session_to(opened.location))


def _offline_here() -> WorkspaceLocation | None:
    """Return the offline workspace of a ``config.json`` in or above the current folder, if any."""
    try:
        found = WorkspaceLocation.find()
    except WorkspaceNotFoundError:
        return None
    return found if found.offline else None


def registry_of(workspace: object) -> str:
    """Return the name of the registry that a client is for; empty for anything else."""
    return _ml_client.registry_of(workspace) if _ml_client.is_client(workspace) else ""
