"""Datasets: definitions for reading files, by name and version.

A dataset is a dataflow, which the client's azureml-dataprep creates and runs; the workspace stores
it.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, json_list, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context

__all__ = ["Datasets", "yaml_of"]

_EVERY = f"/dataset/v1.0{WS}/datasets"
_SAVED_PATH = f"/dataset/v1.0{WS}/saveddatasets"
_PROFILE = f"{_EVERY}/<dataset_id>/actions"
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
_CHANGED = {"description": optional(str), "tags": optional(dict)}
_TOO_OLD = (
    "An offline workspace stores datasets of azureml-dataprep 5 or newer, and this one was created "
    "by another release: install azureml-dataset-runtime 1.60 or newer."
)
_NO_PROFILES = (
    "An offline workspace does not profile datasets: use to_pandas_dataframe().describe() instead."
)


class Datasets(Part):
    """The datasets of a workspace: saved ones by id, registered ones by name and version."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._saved = context.store.documents("saved-datasets")
        self._names = context.store.documents("datasets")

    # --- saved ----------------------------------------------------------------------------

    @answers("datasets.save", "POST", _SAVED_PATH, shape=_SAVED)
    def _save(self, body: dict[str, Any]) -> dict[str, Any]:
        yaml_of(body["dataflowJson"])
        found = {name: body.get(name) for name in _SAVED}
        found |= {"id": str(uuid.uuid4()), "properties": body.get("properties") or {}}
        self._saved.put(str(found["id"]), found)
        return found

    @answers("datasets.get-saved", "GET", f"{_SAVED_PATH}/<key>")
    def _get_saved(self, key: str) -> dict[str, Any]:
        return self._saved.require(key, "NotFound", f"There is no dataset with the id {key}.")

    @answers("datasets.dataflow", "GET", _VERSION_PATH)
    def _dataflow(self, name: str) -> dict[str, Any]:
        """Answer with a dataset in the format of the client's own engine."""
        if not name.startswith(_UNREGISTERED):
            message = f"There is no data asset {name}: an offline workspace has none of SDK v2."
            raise RefusalError(404, "NotFound", message)
        found = self._get_saved(name.removeprefix(_UNREGISTERED))
        return {"legacyDataflow": yaml_of(found["dataflowJson"])}

    # --- registered -----------------------------------------------------------------------

    @answers("datasets.register", "POST", _EVERY, shape=_REGISTERED)
    def _register(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        name, latest = body["name"], body["latest"]
        with self._names.lock:
            known = self._names.get(name)
            if known is not None and request.args.get("ifExistsOk", "").lower() != "true":
                raise RefusalError(
                    409, "Conflict", f"A dataset with the name {name} already exists."
                )
            self._check_not_registered(latest.get("savedDatasetId"))
            content = (body["datasetType"], latest["dataflow"], latest.get("properties") or {})
            known = known or {
                "name": name,
                "datasetId": str(uuid.uuid4()),
                "datasetType": body["datasetType"],
                "createdTime": moment(),
                "versions": [],
            }
            if not self._is_latest(known, content):
                known["versions"].append(self._new_version(content, latest.get("savedDatasetId")))
            known |= {"description": body.get("description"), "tags": body.get("tags") or {}}
            self._names.put(name, known)
        return self._shown(known)

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
        return str(self._save(dict(zip(_SAVED, content, strict=True)))["id"])

    @answers("datasets.list", "GET", _EVERY)
    def _list(self) -> dict[str, Any]:
        return json_list([self._shown(each) for each in self._names.all()])

    @answers("datasets.get", "GET", f"{_EVERY}/query/name=<path:name>")
    def _get(self, request: Request, name: str) -> dict[str, Any]:
        message = f"There is no dataset with the name {name} in this workspace."
        known = self._names.require(name, "NotFound", message)
        return self._shown(known, request.args.get("versionId"))

    @answers("datasets.find", "GET", f"{_EVERY}/query/savedDatasetId=<key>")
    def _find(self, key: str) -> dict[str, Any]:
        found = [each for each in self._names.all() if key in each["versions"]]
        return json_list(
            [self._shown(each, str(1 + each["versions"].index(key))) for each in found]
        )

    @answers("datasets.update", "PUT", f"{_EVERY}/<dataset_id>", shape=_CHANGED)
    def _update(self, body: dict[str, Any], dataset_id: str) -> dict[str, Any]:
        fields = {"description": body.get("description"), "tags": body.get("tags") or {}}
        with self._names.lock:
            found = [each for each in self._names.all() if each["datasetId"] == dataset_id]
            if not found:
                message = f"There is no dataset with the id {dataset_id}."
                raise RefusalError(404, "NotFound", message)
            return self._shown(self._names.change(found[0]["name"], **fields))

    @answers("datasets.delete", "DELETE", f"{_EVERY}/<path:name>")
    def _delete(self, name: str) -> None:
        self._names.delete(name)

    @staticmethod
    @answers("datasets.profile", "POST", _PROFILE)
    @answers("datasets.profile-result", "POST", f"{_PROFILE}/result")
    def _refuse_profile() -> None:
        raise RefusalError(400, "NotInOfflineWorkspace", _NO_PROFILES)

    def _shown(self, known: dict[str, Any], version: str | None = None) -> dict[str, Any]:
        versions = known["versions"]
        number = _number(version, of=len(versions))
        if number is None:
            there = f"{known['name']}, which has versions 1 to {len(versions)}"
            raise RefusalError(404, "NotFound", f"There is no version {version} of {there}.")
        saved = self._get_saved(versions[number - 1])
        latest = {
            "datasetId": known["datasetId"],
            "versionId": str(number),
            "dataflow": saved["dataflowJson"],
            "properties": saved["properties"],
            "savedDatasetId": saved["id"],
        }
        shown = {name: each for name, each in known.items() if name != "versions"}
        return shown | {"isVisible": True, "latest": latest}


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
