"""Datasets: definitions for reading files, by name and version.

A dataset is a dataflow, which the client's azureml-dataprep creates and runs; the workspace stores
it.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import (
    RefusalError,
    json_list,
    json_object,
    json_response,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store

__all__ = ["Datasets", "yaml_of"]

_PATH = f"/dataset/v1.0{WS}"
_VERSION_PATH = f"/data/v1.0{WS}/dataversion/<name>/versions/<version>"
_UNREGISTERED = "unregistered-"  # the client's prefix for the id of a saved dataset
_SAVED = {"datasetType": str, "dataflowJson": str, "properties": optional(dict)}
_REGISTERED = {
    "name": str,
    "datasetType": str,
    "latest": {"dataflow": str, "properties": optional(dict), "savedDatasetId": optional(str)},
    "description": optional(str),
    "tags": optional(dict),
}
_TOO_OLD = (
    "An offline workspace keeps datasets of azureml-dataprep 5 or newer, and this one was made by "
    "another release: install azureml-dataset-runtime 1.60 or newer."
)


class Datasets:
    """The datasets of a workspace: saved ones by id, registered ones by name and version.

    Parameters
    ----------
    store : Store
        Keeps them.
    """

    def __init__(self, store: Store) -> None:
        self._saved = store.documents("saved-datasets")
        self._names = store.documents("datasets")

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        every = f"{_PATH}/datasets"
        saved = f"{_PATH}/saveddatasets"
        profile = f"{every}/<dataset_id>/actions"
        return [
            Call("datasets.save", "POST", saved, self._save),
            Call("datasets.get-saved", "GET", f"{saved}/<key>", self._get_saved),
            Call("datasets.dataflow", "GET", _VERSION_PATH, self._dataflow),
            Call("datasets.register", "POST", every, self._register),
            Call("datasets.list", "GET", every, self._list),
            Call("datasets.get", "GET", f"{every}/query/name=<path:name>", self._get),
            Call("datasets.find", "GET", f"{every}/query/savedDatasetId=<key>", self._find),
            Call("datasets.update", "PUT", f"{every}/<dataset_id>", self._update),
            Call("datasets.delete", "DELETE", f"{every}/<path:name>", self._delete),
            Call("datasets.profile", "POST", profile, _refuse_profile),
            Call("datasets.profile-result", "POST", f"{profile}/result", _refuse_profile),
        ]

    # --- saved ----------------------------------------------------------------------------

    def _save(self, request: Request, **_scope: str) -> Response:
        wanted = json_object(request, _SAVED)
        return json_response(self._keep(wanted))

    def _keep(self, wanted: dict[str, Any]) -> dict[str, Any]:
        yaml_of(wanted["dataflowJson"])
        found = {name: wanted.get(name) for name in _SAVED}
        found |= {"id": str(uuid.uuid4()), "properties": wanted.get("properties") or {}}
        self._saved.put(str(found["id"]), found)
        return found

    def _get_saved(self, _request: Request, *, key: str, **_scope: str) -> Response:
        return json_response(self._saved_one(key))

    def _saved_one(self, key: str) -> dict[str, Any]:
        return self._saved.require(key, "NotFound", f"There is no dataset with the id {key}.")

    def _dataflow(self, _request: Request, *, name: str, **_scope: str) -> Response:
        """Answer with a dataset in the format of the client's own engine."""
        if not name.startswith(_UNREGISTERED):
            message = f"There is no data asset {name}: an offline workspace has none of SDK v2."
            raise RefusalError(404, "NotFound", message)
        found = self._saved_one(name.removeprefix(_UNREGISTERED))
        return json_response({"legacyDataflow": yaml_of(found["dataflowJson"])})

    # --- registered -----------------------------------------------------------------------

    def _register(self, request: Request, **_scope: str) -> Response:
        wanted = json_object(request, _REGISTERED)
        name, latest = wanted["name"], wanted["latest"]
        with self._names.lock:
            known = self._names.get(name)
            if known is not None and request.args.get("ifExistsOk", "").lower() != "true":
                raise RefusalError(409, "Conflict", f"There is a dataset with the name {name}.")
            self._check_not_registered(latest.get("savedDatasetId"))
            content = (wanted["datasetType"], latest["dataflow"], latest.get("properties") or {})
            known = known or {
                "name": name,
                "datasetId": str(uuid.uuid4()),
                "datasetType": wanted["datasetType"],
                "createdTime": moment(),
                "versions": [],
            }
            if not self._is_latest(known, content):
                known["versions"].append(self._new_version(content, latest.get("savedDatasetId")))
            known |= {"description": wanted.get("description"), "tags": wanted.get("tags") or {}}
            self._names.put(name, known)
        return json_response(self._shown(known))

    def _check_not_registered(self, saved_id: str | None) -> None:
        for each in self._names.all():
            for number, one in enumerate(each["versions"], 1):
                if one == saved_id:
                    what = f"{each['name']}:{number} (name:version)"
                    message = f"The dataset has been registered as {what}."
                    raise RefusalError(400, "UserError", message)

    def _is_latest(self, known: dict[str, Any], content: tuple[Any, ...]) -> bool:
        """Return whether a dataset is already the latest of its name, by Azure's comparison."""
        last = self._saved.get(known["versions"][-1]) if known["versions"] else None
        return last is not None and content == tuple(last[each] for each in _SAVED)

    def _new_version(self, content: tuple[Any, ...], saved_id: str | None) -> str:
        if saved_id and self._saved.get(saved_id) is not None:
            return saved_id
        return str(self._keep(dict(zip(_SAVED, content, strict=True)))["id"])

    def _list(self, _request: Request, **_scope: str) -> Response:
        return json_list([self._shown(each) for each in self._names.all()])

    def _get(self, request: Request, *, name: str, **_scope: str) -> Response:
        message = f"There is no dataset with the name {name} in this workspace."
        known = self._names.require(name, "NotFound", message)
        return json_response(self._shown(known, request.args.get("versionId")))

    def _find(self, _request: Request, *, key: str, **_scope: str) -> Response:
        found = [each for each in self._names.all() if key in each["versions"]]
        return json_list(
            [self._shown(each, str(1 + each["versions"].index(key))) for each in found]
        )

    def _update(self, request: Request, *, dataset_id: str, **_scope: str) -> Response:
        wanted = json_object(request, {"description": optional(str), "tags": optional(dict)})
        found = [each for each in self._names.all() if each["datasetId"] == dataset_id]
        if not found:
            raise RefusalError(404, "NotFound", f"There is no dataset with the id {dataset_id}.")
        fields = {"description": wanted.get("description"), "tags": wanted.get("tags") or {}}
        return json_response(self._shown(self._names.change(found[0]["name"], **fields)))

    def _delete(self, _request: Request, *, name: str, **_scope: str) -> Response:
        self._names.delete(name)
        return json_response({})

    def _shown(self, known: dict[str, Any], version: str | None = None) -> dict[str, Any]:
        versions = known["versions"]
        number = _number(version, of=len(versions))
        if number is None:
            there = f"{known['name']}, which has versions 1 to {len(versions)}"
            raise RefusalError(404, "NotFound", f"There is no version {version} of {there}.")
        saved = self._saved_one(versions[number - 1])
        latest = {
            "datasetId": known["datasetId"],
            "versionId": str(number),
            "dataflow": saved["dataflowJson"],
            "properties": saved["properties"],
            "savedDatasetId": saved["id"],
        }
        shown = {name: each for name, each in known.items() if name != "versions"}
        return shown | {"isVisible": True, "latest": latest}


def _refuse_profile(_request: Request, **_scope: str) -> Response:
    message = (
        "An offline workspace makes no profiles of datasets: "
        "use to_pandas_dataframe().describe() instead."
    )
    raise RefusalError(400, "NotInOfflineWorkspace", message)


def yaml_of(dataflow: str) -> str:
    """Return a dataflow in the format of the client's engine, which the client sends along."""
    try:
        text = json.loads(dataflow)["meta"]["RsDataflow"]
    except (ValueError, RecursionError, TypeError, KeyError):
        text = None
    if not isinstance(text, str):
        raise RefusalError(400, "UserError", _TOO_OLD)
    return text


def _number(version: str | None, *, of: int) -> int | None:
    """Return a version number, the last by default; None if there is no such version."""
    if version is None:
        return of
    return int(version) if version in map(str, range(1, of + 1)) else None
