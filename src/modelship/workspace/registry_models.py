"""The models of a registry: the requests of azure-ai-ml 1.35 for them."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from modelship.workspace.arm_requests import ArmError, ArmRequests
from modelship.workspace.blob_storage import BlobContainer
from modelship.workspace.ml_documents import latest_first, registered

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
_REFERENCE: Final = {"temporaryDataReferenceType": "TemporaryBlobReference"}
_TAKEN: Final = "another client has registered other content as {}:{} at the same time"


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
        """Return the active versions with numbers, the latest first."""
        documents = self.arm.all(f"{self.path}/models/{name}/versions", version=_VERSION)
        return [self._registered(name, each) for each in latest_first(documents)]

    def model(self, name: str, version: int) -> RegisteredModel | None:
        """Return one version, which may be archived; None if there is none."""
        found = self.arm.get(self._place(name, str(version)), version=_VERSION)
        return self._registered(name, found) if found else None

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

    def register(
        self, source: Path, *, name: str, timeout_s: float, **described: Any
    ) -> RegisteredModel:
        """Upload a file or folder as the next version of a model that no other client takes.

        Parameters
        ----------
        source : Path
            The file or folder.
        name : str
            The name of the model.
        timeout_s : float
            For how many seconds another version is tried when one is taken.
        **described
            Further properties of the version, as the service names them.
        """
        end = time.monotonic() + timeout_s
        container = self.arm.get(f"{self.path}/models/{name}", version=_VERSION) or {}
        version = int((container.get("properties") or {}).get("nextVersion") or 1)
        last = version + _RIVALS
        while True:
            try:
                return self._version(source, name, version, described)
            except ArmError as error:
                is_taken = error.status == HTTPStatus.CONFLICT
                if not is_taken or version == last or time.monotonic() > end:
                    raise
            version += 1

    def tag(self, model_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to a model."""
        place = self._place(*model_id.rsplit(":", 1))
        said = self.arm.send("GET", place, version=_VERSION)["properties"]
        body = {"properties": {**said, "tags": {**(said.get("tags") or {}), **tags}}}
        self.arm.send("PUT", place, version=_VERSION, body=body)
        self._settled(place)

    def _version(
        self, source: Path, name: str, version: int, described: Mapping[str, Any]
    ) -> RegisteredModel:
        """Register a version; raise ArmError with 409 if another client has taken it."""
        place = self._place(name, str(version))
        asked = {"assetId": self._id(name, str(version)), **_REFERENCE}
        path = f"{self.path}/tempdatarefs/{name}/versions/{version}"
        reference = self.arm.send("PUT", path, version=_VERSION, body=asked)
        # The service may give rivals one container, and that of an upload that broke.
        path = f"{uuid.uuid4().hex}/{source.name}"
        self._signed(reference).upload(source, path)
        uri = f"{_address(reference)}/{path}"
        body = {"properties": {"modelUri": uri, "isAnonymous": False, **described}}
        self.arm.send("PUT", place, version=_VERSION, body=body)
        document = self._settled(place)
        if not _is_own(document, described):
            raise ArmError(HTTPStatus.CONFLICT, {"message": _TAKEN.format(name, version)})
        return self._registered(name, document)

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


def _is_own(document: Mapping[str, Any], described: Mapping[str, Any]) -> bool:
    """Return whether no property of a version differs from ours: its digest is one of them."""
    there = (document.get("properties") or {}).get("properties") or {}
    ours = (described.get("properties") or {}).items()
    return all(there.get(key, value) == value for key, value in ours)


def _address(reference: Mapping[str, Any]) -> str:
    """Return the address of a container without its signature, as the SDK writes it down."""
    return str(reference["blobReferenceForConsumption"]["credential"]["sasUri"]).partition("?")[0]


def _path_in_container(address: str) -> str:
    """Return the path of a blob below its container."""
    return unquote(urlsplit(address).path).lstrip("/").partition("/")[2]
