"""The models of a registry: the requests of azure-ai-ml 1.35 for them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from modelship.workspace.arm_requests import ArmError, ArmRequests
from modelship.workspace.blob_storage import BlobContainer
from modelship.workspace.ml_documents import registered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import requests

    from modelship.workspace.model_record import RegisteredModel

__all__ = ["RegistryModels"]

_VERSION: Final = "2021-10-01-dataplanepreview"
_POLL_S: Final = 1.0
_LONGEST_WAIT_S: Final = 300.0
_BUSY: Final = frozenset({"Accepted", "Creating", "InProgress", "Updating"})
_RIVALS: Final = 20  # that register versions of one model at the same time


@dataclass(frozen=True)
class RegistryModels:
    """Reads, registers and downloads models; raises the errors of what it calls.

    Attributes
    ----------
    uri : str
        ``azureml://registries/<name>``.
    path : str
        The path of the registry in its region.
    arm : ArmRequests
        Sends requests to its region.
    session : requests.Session
        The connections.
    """

    uri: str
    path: str
    arm: ArmRequests
    session: requests.Session

    def models(self, name: str) -> list[RegisteredModel]:
        """Return the versions with numbers, the latest first."""
        documents = self.arm.all(f"{self.path}/models/{name}/versions", version=_VERSION)
        numbered = [each for each in documents if str(each.get("name", "")).isdecimal()]
        found = [self._registered(name, each) for each in numbered]
        return sorted(found, key=lambda each: -each.version)

    def names(self) -> list[str]:
        """Return the names of all models."""
        return [str(each["name"]) for each in self.arm.all(f"{self.path}/models", version=_VERSION)]

    def environment(self, name: str, version: str | None) -> dict[str, Any] | None:
        """Return the document of an environment, the latest if no version is given."""
        place = f"{self.path}/environments/{name}"
        if version is None:
            container = self.arm.get(place, version=_VERSION) or {}
            version = str((container.get("properties") or {}).get("latestVersion") or "")
        found: dict[str, Any] | None = (
            self.arm.get(f"{place}/versions/{version}", version=_VERSION) if version else None
        )
        return found

    def download(self, model_id: str, folder: Path) -> None:
        """Write a model's file or folder into `folder`."""
        name, _, version = model_id.rpartition(":")
        document = self.arm.send("GET", self._place(name, version), version=_VERSION)
        address = str(document["properties"]["modelUri"])
        body = {"assetId": self._id(name, version), "blobUri": address}
        path = f"{self.path}/datarefs/{name}/versions/{version}"
        given = self.arm.send("POST", path, version=_VERSION, body=body)
        self._signed(given).download(_path_in_container(address), folder)

    def register(self, source: Path, *, name: str, **described: Any) -> RegisteredModel:
        """Upload a file or folder as the next version of a model.

        Parameters
        ----------
        source : Path
            The file or folder.
        name : str
            The name of the model.
        **described
            Further properties of the version, as the service names them.
        """
        version, reference = self._reserved(name)
        container = self._signed(reference)
        container.upload(source, source.name)
        uri = f"{_address(reference)}/{source.name}"
        body = {"properties": {"modelUri": uri, "isAnonymous": False, **described}}
        place = self._place(name, str(version))
        self.arm.send("PUT", place, version=_VERSION, body=body)
        return self._registered(name, self._settled(place))

    def tag(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to a model."""
        place = self._place(*model_id.rsplit(":", 1))
        said = self.arm.send("GET", place, version=_VERSION)["properties"]
        body = {"properties": {**said, "tags": {**(said.get("tags") or {}), **tags}}}
        self.arm.send("PUT", place, version=_VERSION, body=body)
        self._settled(place)

    def _reserved(self, name: str) -> tuple[int, dict[str, Any]]:
        """Return the next version that nobody has, and where its files go."""
        container = self.arm.get(f"{self.path}/models/{name}", version=_VERSION) or {}
        version = int((container.get("properties") or {}).get("nextVersion") or 1)
        last = version + _RIVALS
        while (reference := self._reference(name, version, may_be_taken=version < last)) is None:
            version += 1
        return version, reference

    def _reference(self, name: str, version: int, *, may_be_taken: bool) -> dict[str, Any] | None:
        """Return where the files of a version go; None if the version is taken."""
        kind = "TemporaryBlobReference"
        body = {"assetId": self._id(name, str(version)), "temporaryDataReferenceType": kind}
        path = f"{self.path}/tempdatarefs/{name}/versions/{version}"
        try:
            return self.arm.send("PUT", path, version=_VERSION, body=body)
        except ArmError as error:
            if error.status != HTTPStatus.CONFLICT or not may_be_taken:
                raise
            return None

    def _settled(self, place: str) -> dict[str, Any]:
        """Return the document of a version when the service has made it."""
        end = time.monotonic() + _LONGEST_WAIT_S
        while not (document := self.arm.get(place, version=_VERSION) or {}) or (
            _state(document) in _BUSY
        ):
            if time.monotonic() > end:
                message = f"the version was not there after {_LONGEST_WAIT_S:g} s"
                raise ArmError(504, {"message": message})
            time.sleep(_POLL_S)
        if _state(document) == "Failed":
            raise ArmError(502, {"message": "the registry says that the registration failed"})
        return dict(document)

    def _signed(self, reference: Mapping[str, Any]) -> BlobContainer:
        given = reference["blobReferenceForConsumption"]
        signed = given["credential"].get("sasUri") or given["blobUri"]
        return BlobContainer.signed(str(signed), session=self.session)

    def _registered(self, name: str, document: Mapping[str, Any]) -> RegisteredModel:
        own = {**document, "id": f"/models/{name}/versions/{document['name']}"}
        return registered(own, self.uri)

    def _place(self, name: str, version: str) -> str:
        return f"{self.path}/models/{name}/versions/{version}"

    def _id(self, name: str, version: str) -> str:
        return f"{self.uri}/models/{name}/versions/{version}"


def _state(document: Mapping[str, Any]) -> str:
    return str((document.get("properties") or {}).get("provisioningState") or "")


def _address(reference: Mapping[str, Any]) -> str:
    """Return the address of a container without its signature, as the SDK writes it down."""
    return str(reference["blobReferenceForConsumption"]["credential"]["sasUri"]).partition("?")[0]


def _path_in_container(address: str) -> str:
    """Return the path of a blob below its container."""
    return unquote(urlsplit(address).path).lstrip("/").partition("/")[2]
