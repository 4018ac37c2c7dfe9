"""The requests about managed online endpoints, their deployments, environments and code."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from modelship.workspace.arm_requests import ArmError
from modelship.workspace.blob_storage import BlobContainer
from modelship.workspace.keyless_storage import with_key_or_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import requests

    from modelship.workspace.arm_requests import ArmRequests

__all__ = ["MlEndpoints"]

# The versions that azure-ai-ml 1.35 sends.
_ENDPOINTS: Final = "2022-02-01-preview"
_DEPLOYMENTS: Final = "2023-04-01-preview"
_ENVIRONMENTS: Final = "2023-04-01-preview"
_SIZES: Final = "2023-08-01-preview"
_CODES: Final = "2023-04-01"
_WORKSPACES: Final = "2024-10-01-preview"


class MlEndpoints:
    """Reads and writes the documents; raises the errors of ArmRequests.

    Parameters
    ----------
    workspace : str
        The path of the workspace.
    arm : ArmRequests
        Sends the requests.
    token : Callable[[str], str]
        Returns a token for a scope.
    session : requests.Session
        The connections to storage.
    """

    def __init__(
        self,
        workspace: str,
        arm: ArmRequests,
        *,
        token: Callable[[str], str],
        session: requests.Session,
    ) -> None:
        self._workspace = workspace
        self._token = token
        self._arm = arm
        self._session = session
        self._region = ""

    def open(self) -> None:
        """Check that the workspace exists, and remember its region."""
        found = self._arm.send("GET", self._workspace, version=_WORKSPACES)
        self._region = str(found.get("location") or "")

    # --- endpoints and deployments --------------------------------------------------------

    def endpoint(self, name: str) -> dict[str, Any] | None:
        """Return an endpoint's document; None if there is none."""
        found: dict[str, Any] | None = self._arm.get(self._endpoint(name), version=_ENDPOINTS)
        return found

    def endpoints(self) -> list[dict[str, Any]]:
        """Return the documents of all endpoints."""
        return list(self._arm.all(f"{self._workspace}/onlineEndpoints", version=_ENDPOINTS))

    def put_endpoint(self, name: str, document: Mapping[str, Any]) -> str:
        """Write an endpoint, and return the URL of the operation."""
        return self._put(self._endpoint(name), document, version=_ENDPOINTS)

    def delete_endpoint(self, name: str) -> None:
        """Begin to delete an endpoint; one that is gone is deleted."""
        self._delete(self._endpoint(name), version=_ENDPOINTS)

    def deployment(self, endpoint: str, name: str) -> dict[str, Any] | None:
        """Return a deployment's document; None if there is none."""
        path = self._deployment(endpoint, name)
        found: dict[str, Any] | None = self._arm.get(path, version=_DEPLOYMENTS)
        return found

    def deployments(self, endpoint: str) -> list[dict[str, Any]]:
        """Return the documents of an endpoint's deployments; none if there is no endpoint."""
        path = f"{self._endpoint(endpoint)}/deployments"
        return list(self._arm.all(path, version=_DEPLOYMENTS))

    def put_deployment(self, endpoint: str, name: str, document: Mapping[str, Any]) -> str:
        """Write a deployment, and return the URL of the operation."""
        return self._put(self._deployment(endpoint, name), document, version=_DEPLOYMENTS)

    def delete_deployment(self, endpoint: str, name: str) -> None:
        """Begin to delete a deployment; one that is gone is deleted."""
        self._delete(self._deployment(endpoint, name), version=_DEPLOYMENTS)

    def logs(self, endpoint: str, name: str, *, tail: int, container: str) -> str:
        """Return the last lines of a container's log."""
        path = f"{self._deployment(endpoint, name)}/getLogs"
        body = {"tail": tail, "containerType": container}
        found = self._arm.send("POST", path, version=_DEPLOYMENTS, body=body)
        return str(found.get("content") or "")

    def post(self, endpoint: str, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call an action of an endpoint: ``listKeys``, ``regenerateKeys`` or ``token``."""
        path = f"{self._endpoint(endpoint)}/{action}"
        return self._arm.send("POST", path, version=_ENDPOINTS, body=body)

    def machine_sizes(self) -> tuple[str, list[str]]:
        """Return the region, and the names of the machine sizes there."""
        subscription = self._workspace.partition("/resourceGroups/")[0]
        place = f"/providers/Microsoft.MachineLearningServices/locations/{self._region}/vmSizes"
        found = self._arm.send("GET", subscription + place, version=_SIZES)
        listed = found.get("value") or ()
        return self._region, [str(each["name"]) for each in listed if each.get("name")]

    def operation(self, url: str) -> dict[str, Any]:
        """Return the state of an operation."""
        return self._arm.operation(url)

    # --- environments and code ------------------------------------------------------------

    def environment(self, name: str, version: str) -> dict[str, Any] | None:
        """Return a version of an environment; None if there is none."""
        path = f"{self._workspace}/environments/{name}/versions/{version}"
        found: dict[str, Any] | None = self._arm.get(path, version=_ENVIRONMENTS)
        return found

    def code(self, digest: str) -> str | None:
        """Return the id of the code with this digest; None if it has not been uploaded."""
        found = self._arm.get(self._code(digest), version=_CODES)
        return str(found["id"]) if found else None

    def put_code(self, folder: Path, digest: str) -> str:
        """Upload the files of a folder, register them, and return their id."""
        path = self._code(digest)
        asked = {"pendingUploadType": "TemporaryBlobReference"}
        pending = f"{path}/startPendingUpload"
        found = self._arm.send("POST", pending, version=_CODES, body=asked)
        given = found["blobReferenceForConsumption"]
        container = BlobContainer.signed(given["credential"]["sasUri"], session=self._session)
        with_key_or_token(
            container, lambda each: each.upload(folder, folder.name), token=self._token
        )
        place = f"{str(given['blobUri']).rstrip('/')}/{quote(folder.name)}"
        said = {"codeUri": place, "isAnonymous": True, "properties": {}}
        try:
            written = self._arm.send("PUT", path, version=_CODES, body={"properties": said})
        except ArmError:
            # Another client may have registered the same files meanwhile, from another place.
            if registered := self.code(digest):
                return registered
            raise
        return str(written["id"])

    # --- shared ---------------------------------------------------------------------------

    def _put(self, path: str, document: Mapping[str, Any], *, version: str) -> str:
        body = {"location": self._region, **document}
        return str(self._arm.send("PUT", path, version=version, body=body).get("operation") or "")

    def _delete(self, path: str, *, version: str) -> None:
        try:
            self._arm.send("DELETE", path, version=version)
        except ArmError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def _endpoint(self, name: str) -> str:
        return f"{self._workspace}/onlineEndpoints/{name}"

    def _deployment(self, endpoint: str, name: str) -> str:
        return f"{self._endpoint(endpoint)}/deployments/{name}"

    def _code(self, digest: str) -> str:
        """Return the path of the code; its name is made from the digest, as the SDK's are UUIDs."""
        name = uuid.uuid5(uuid.NAMESPACE_OID, f"modelship:{digest}")
        return f"{self._workspace}/codes/{name}/versions/1"
