"""Read models of an Azure ML registry, which many workspaces share.

The requests are those of azure-ai-ml 1.35. A registry is found by its name through a discovery
service, and its models are then read from the region that answers for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from modelship.errors import ModelNotFoundError
from modelship.workspace.arm_requests import ArmError, ArmRequests
from modelship.workspace.asking import Asker
from modelship.workspace.blob_storage import BlobContainer
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.ml_access import access_to, session_to
from modelship.workspace.ml_documents import registered
from modelship.workspace.ml_errors import translate_ml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from modelship.workspace.clouds import Cloud
    from modelship.workspace.model_record import RegisteredModel

__all__ = ["MlRegistry", "open_ml_registry"]

_VERSION: Final = "2021-10-01-dataplanepreview"
_DISCOVERY: Final = "v1.0"
_CALL_TIMEOUT_S: Final = 120.0
_TRANSFER_TIMEOUT_S: Final = 3600.0


@dataclass(frozen=True)
class _Found:
    """A registry: what sends requests to its region, and its path there."""

    arm: ArmRequests
    path: str


class MlRegistry:
    """The models of a registry, for reading.

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
        self._cloud = cloud
        self._token = token
        self._session = session
        self._found: _Found | None = None
        self._ask = Asker(WorkspaceLocation("", "", name), translate=translate_ml)

    @property
    def uri(self) -> str:
        """The registry as a URI."""
        return f"azureml://registries/{self.name}"

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
        found = self._ask(doing, lambda: self._versions(name), timeout_s=_CALL_TIMEOUT_S)
        for each in found:
            if version in (None, each.version):
                return each
        location = f"{self.uri}/models/{name}" + (f"/versions/{version}" if version else "")
        raise ModelNotFoundError(location=location, nearby=[each.model_id for each in found[:10]])

    def download(
        self, model_id: str, folder: Path, *, timeout_s: float = _TRANSFER_TIMEOUT_S
    ) -> None:
        """Write a model's file or folder into `folder`."""
        doing = f"download the model {model_id!r}"
        self._ask(doing, lambda: self._download(model_id, folder), timeout_s=timeout_s)

    def _versions(self, name: str) -> list[RegisteredModel]:
        """Return the versions with numbers, the latest first."""
        place = self._discovered()
        documents = place.arm.all(f"{place.path}/models/{name}/versions", version=_VERSION)
        numbered = [each for each in documents if str(each.get("name", "")).isdecimal()]
        found = [
            registered({**each, "id": f"/models/{name}/versions/{each['name']}"}, self.uri)
            for each in numbered
        ]
        return sorted(found, key=lambda each: -each.version)

    def _download(self, model_id: str, folder: Path) -> None:
        name, _, version = model_id.rpartition(":")
        place = self._discovered()
        one = f"/models/{name}/versions/{version}"
        document = place.arm.send("GET", place.path + one, version=_VERSION)
        address = str(document["properties"]["modelUri"])
        body = {"assetId": self.uri + one, "blobUri": address}
        path = f"{place.path}/datarefs/{name}/versions/{version}"
        given = place.arm.send("POST", path, version=_VERSION, body=body)
        reference = given["blobReferenceForConsumption"]
        signed = reference["credential"].get("sasUri") or reference["blobUri"]
        container = BlobContainer.signed(str(signed), session=self._session)
        container.download(_path_in_container(address), folder)

    def _discovered(self) -> _Found:
        if self._found is None:
            discovery = ArmRequests(
                self._cloud.registry_discovery,
                lambda: self._token(f"{self._cloud.ml_audience}/.default"),
                session=self._session,
            )
            path = f"/registrymanagement/v1.0/registries/{quote(self.name)}/discovery"
            self._found = self._in_region(discovery.send("GET", path, version=_DISCOVERY))
        return self._found

    def _in_region(self, found: dict[str, Any]) -> _Found:
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
        return _Found(arm, path)


def open_ml_registry(name: str) -> MlRegistry:
    """Return a registry, with the credentials that azure-identity finds; it is not called yet.

    Raises
    ------
    MissingExtraError
        If azure-identity is not installed.
    """
    location = WorkspaceLocation("", "", name)
    return MlRegistry(name, *access_to(location, None), session=session_to(location))


def _path_in_container(address: str) -> str:
    """Return the path of a blob below its container."""
    return unquote(urlsplit(address).path).lstrip("/").partition("/")[2]
