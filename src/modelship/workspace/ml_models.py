"""The models of a workspace, as azure-ai-ml sees them."""

from __future__ import annotations

import hashlib
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from modelship.workspace.arm_requests import ArmError, ArmRequests
from modelship.workspace.blob_storage import BlobContainer
from modelship.workspace.keyless_storage import STORAGE_SCOPE, with_key_or_token
from modelship.workspace.ml_documents import (
    files_place,
    latest_first,
    registered,
    workspace_path,
)
from modelship.workspace.model_record import HISTORY, RELEASES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    import requests

    from modelship.workspace._ml_client import MlSdk
    from modelship.workspace.clouds import Cloud
    from modelship.workspace.location import WorkspaceLocation
    from modelship.workspace.model_record import RegisteredModel

__all__ = ["MlModels"]

# The versions that azure-ai-ml 1.35 sends: what it reads and writes is what is tested daily.
_MODELS: Final = "2023-08-01-preview"
_DATASTORES: Final = "2024-10-01-preview"
_STORE: Final = "workspaceblobstore"
_FOLDER: Final = "modelship"
_PIECE_BYTES: Final = 2**20
_RIVALS: Final = 20  # that register versions of one model at the same time


class MlModels:
    """Reads, registers and downloads models; raises the errors of what it calls.

    Parameters
    ----------
    location : WorkspaceLocation
        The workspace.
    arm : ArmRequests
        Sends the requests.
    sdk : Callable
        Returns azure-ai-ml's part; called on the first registration.
    cloud : Cloud
        Where its storage is.
    token : Callable[[str], str]
        Returns a token for a scope.
    session : requests.Session
        The connections.
    """

    def __init__(
        self,
        location: WorkspaceLocation,
        arm: ArmRequests,
        *,
        sdk: Callable[[], MlSdk],
        cloud: Cloud,
        token: Callable[[str], str],
        session: requests.Session,
    ) -> None:
        self._uri = location.uri
        self._workspace = workspace_path(location)
        self._arm = arm
        self._sdk = sdk
        self._suffix = cloud.storage_suffix
        self._token = token
        self._session = session

    def model(self, name: str, version: int | None) -> RegisteredModel | None:
        """Return one model, the latest if no version is given; None if there is none."""
        if version is None:
            latest = next(iter(latest_first(self._versions(name))), None)
            return registered(latest, self._uri) if latest else None
        found = self._arm.get(self._path(name, version), version=_MODELS)
        return registered(found, self._uri) if found else None

    def models(
        self, *, name: str | None = None, properties: Mapping[str, str] | None = None
    ) -> list[RegisteredModel]:
        """Return the models with this name and these properties, the newest first."""
        names = [name] if name else self._names()
        found = [registered(each, self._uri) for name in names for each in self._versions(name)]
        wanted = (properties or {}).items()
        found = [each for each in found if wanted <= each.properties.items()]
        return sorted(found, key=lambda each: -each.version)

    def _names(self) -> list[str]:
        path = f"{self._workspace}/models"
        return [str(each["name"]) for each in self._arm.all(path, version=_MODELS)]

    def _versions(self, name: str) -> Iterator[dict[str, Any]]:
        asked = {"listViewType": "ActiveOnly"}
        path = f"{self._workspace}/models/{name}/versions"
        versions = self._arm.all(path, version=_MODELS, query=asked)
        # A version of SDK v2 may be any text; such a model has no number to go by.
        return (each for each in versions if str(each.get("name", "")).isdecimal())

    def register(
        self,
        path: Path,
        *,
        name: str,
        kind: str,
        tags: Mapping[str, str],
        properties: Mapping[str, str],
        description: str,
    ) -> RegisteredModel:
        """Upload a file or folder, and register it."""
        # The workspace refuses to give a version other files. So each change of a history has a
        # place of its own: of two that are registered at once, one gets the version.
        content = uuid.uuid4().hex if name.startswith(HISTORY) else _digest(path)
        place = f"{_FOLDER}/{content}/{path.name}"
        self._with_container(_STORE, lambda container: container.upload(path, place))
        # What modelship keeps for itself is written in each deployment: the SDK's import is slow.
        is_own = name.startswith((HISTORY, RELEASES))
        put = self._put if is_own else self._sdk().register_model
        version = put(
            name=name, uri=f"azureml://datastores/{_STORE}/paths/{place}", kind=kind,
            tags=dict(tags), properties=dict(properties), description=description or None,
        )  # fmt: skip
        found = self.model(name, version)
        if found is None:
            raise ArmError(404, {"message": f"the model {name}:{version} is gone"})
        return found

    def _put(self, *, name: str, uri: str, kind: str, **described: Any) -> int:
        """Register what lies at an address in a datastore, and return the version."""
        body = {"properties": {"modelType": kind, "modelUri": uri, **described}}
        container = self._arm.get(f"{self._workspace}/models/{name}", version=_MODELS) or {}
        version = int((container.get("properties") or {}).get("nextVersion") or 1)
        last = version + _RIVALS
        while not self._put_version(name, version, body, may_be_taken=version < last):
            version += 1
        return version

    def _put_version(
        self, name: str, version: int, body: Mapping[str, Any], *, may_be_taken: bool
    ) -> bool:
        """Register a version; return False if another client has just taken it."""
        try:
            self._arm.send("PUT", self._path(name, version), version=_MODELS, body=body)
        except ArmError as error:
            if error.status != HTTPStatus.CONFLICT or not may_be_taken:
                raise
            return False
        return True

    def tag(self, model_id: str, tags: Mapping[str, str], *, remove: Collection[str] = ()) -> None:
        """Add tags to a model, and remove others."""
        said = self._require(model_id)["properties"]
        there = said.get("tags") or {}
        kept = {name: value for name, value in there.items() if name not in remove}
        body = {"properties": {**said, "tags": {**kept, **tags}}}
        self._arm.send("PUT", self._path_of(model_id), version=_MODELS, body=body)

    def download(self, model_id: str, folder: Path) -> None:
        """Write a model's file or folder into `folder`."""
        place = files_place(str(self._require(model_id)["properties"].get("modelUri") or ""))
        self._with_container(
            place.datastore, lambda container: container.download(place.path, folder)
        )

    def delete(self, model_id: str) -> None:
        """Delete a model."""
        self._arm.send("DELETE", self._path_of(model_id), version=_MODELS)

    def _require(self, model_id: str) -> dict[str, Any]:
        return self._arm.send("GET", self._path_of(model_id), version=_MODELS)

    def _path_of(self, model_id: str) -> str:
        name, _, version = model_id.rpartition(":")
        return self._path(name, int(version))

    def _path(self, name: str, version: int) -> str:
        return f"{self._workspace}/models/{name}/versions/{version}"

    def _with_container(self, datastore: str, work: Callable[[BlobContainer], None]) -> None:
        with_key_or_token(self._container(datastore), work, token=self._token)

    def _container(self, datastore: str) -> BlobContainer:
        """Return the container of a datastore, with what gives access to it."""
        path = f"{self._workspace}/datastores/{datastore}"
        said = self._arm.send("GET", path, version=_DATASTORES)["properties"]
        account, container = said["accountName"], said["containerName"]
        host = f"{account}.blob.{said.get('endpoint') or self._suffix}"
        address = f"{said.get('protocol') or 'https'}://{host.rpartition('@')[2]}/{container}"
        kind = (said.get("credentials") or {}).get("credentialsType")
        if kind == "None":
            token = self._token(STORAGE_SCOPE)
            return BlobContainer(address, token=token, session=self._session)
        asked = {"expirableSecret": True, "expireAfterHours": 1}
        found = self._arm.send("POST", f"{path}/listSecrets", version=_DATASTORES, body=asked)
        signature = str(found.get("sasToken") or "").lstrip("?")
        if not signature:
            from modelship.workspace._ml_client import signed_query

            signature = signed_query(account, str(found["key"]), container)
        return BlobContainer(address, signature=signature, session=self._session)


def _digest(path: Path) -> str:
    """Return a digest of the names and the content, so that the same files go to one place."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    for file in files:
        name = file.relative_to(path.parent).as_posix().encode()
        digest.update(b"%d:%s:%d:" % (len(name), name, file.stat().st_size))
        with file.open("rb") as content:
            while piece := content.read(_PIECE_BYTES):
                digest.update(piece)
    return digest.hexdigest()
