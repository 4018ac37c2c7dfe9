"""Registered models and the assets that list the artifacts of each."""

from __future__ import annotations

import base64
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from modelship.testing.offline.control import MMS
from modelship.testing.offline.document_store import BrokenRecordError
from modelship.testing.offline.json_exchange import (
    RefusalError,
    check_shape,
    json_patch,
    json_response,
    optional,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_documents import OWN, has_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.offline_context import Context

__all__ = ["Models", "check_unused"]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
_ONE = f"{MMS}/models/<model_id>"
_ASSET = "aml://asset/"
_MOST_OF_A_PAGE = 255
_COLLECTIONS: dict[str, Callable[[], Any]] = {"kvTags": dict, "properties": dict, "datasets": list}
_ARTIFACT = {"prefix": optional(str), "id": optional(str)}
_SHAPE: dict[str, Any] = {
    "url": optional(str),
    "description": optional(str),
    "kvTags": optional(dict),
    "properties": optional(dict),
    "datasets": [dict],
    "framework": optional(str),
    "frameworkVersion": optional(str),
    "resourceRequirements": optional(dict),
}
_CHANGEABLE = {
    "kvTags",
    "description",
    "properties",
    "datasets",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
}


class Models(Part):
    """The model registry: models are documents ``name:version``, and assets by id."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        store = context.store
        self._models = store.documents("models")
        self._assets = store.documents("assets")
        self._counters = store.documents("model-counters")

    @answers("assets.create", "POST", f"{MMS}/assets", shape={"artifacts": [_ARTIFACT]})
    def _create_asset(self, body: dict[str, Any]) -> dict[str, Any]:
        asset = body | {"id": str(uuid.uuid4()), "createdTime": moment()}
        self._assets.put(asset["id"], asset)
        return asset

    @answers("assets.get", "GET", f"{MMS}/assets/<asset_id>")
    def _get_asset(self, asset_id: str) -> dict[str, Any]:
        return self._assets.require(asset_id, "AssetNotFound", f"There is no asset {asset_id}.")

    @answers("models.create", "POST", f"{MMS}/models", shape={"name": str, **_SHAPE})
    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["name"]
        if not _NAME.fullmatch(name):
            raise RefusalError(400, "InvalidModelName", f"{name!r} is not a valid model name.")
        url = str(body.get("url"))
        if url.startswith(_ASSET) and self._assets.get(url.removeprefix(_ASSET)) is None:
            message = f"The url of the model refers to an asset that does not exist: {url}"
            raise RefusalError(400, "AssetNotFound", message)
        with self._models.lock:
            version = self._next_version(name)
            given = {"id": f"{name}:{version}", "version": version, "createdTime": moment()}
            full = {key: body.get(key) or new() for key, new in _COLLECTIONS.items()}
            model = body | full | given
            self._models.put(model["id"], model)
        return model

    def _next_version(self, name: str) -> int:
        """Increment the version, so that the version of a deleted model is never reused."""
        try:
            counter = self._counters.get(name)
        except BrokenRecordError:
            counter = None
        if counter is None:
            versions = [each["version"] for each in self._models.all() if each["name"] == name]
            counter = {"last": max(versions, default=0)}
        version = 1 + int(counter["last"])
        self._counters.put(name, {"last": version})
        return version

    @answers("models.list", "GET", f"{MMS}/models")
    def _list(self, request: Request) -> dict[str, Any]:
        found = [model for model in self._models.all() if _fits(model, request.args)]
        found.sort(key=_age, reverse=True)
        if request.args.get("latestVersionOnly", "").lower() == "true":
            newest: dict[str, dict[str, Any]] = {}
            for model in found:
                newest.setdefault(model["name"], model)
            found = list(newest.values())
        return _page(found, request)

    @answers("models.get", "GET", _ONE)
    def _get(self, model_id: str) -> dict[str, Any]:
        message = f"Model with id {model_id} not found in provided workspace."
        return self._models.require(model_id, "ModelNotFound", message)

    @answers("models.update", "PATCH", _ONE)
    def _update(self, request: Request, model_id: str) -> dict[str, Any]:
        with self._models.lock:
            model = self._get(model_id)
            for operation in json_patch(request):
                _change(model, operation)
            check_shape(model, _SHAPE)
            model["modifiedTime"] = moment()
            self._models.put(model_id, model)
        return model

    @answers("models.delete", "DELETE", _ONE)
    def _delete(self, model_id: str) -> Response:
        check_unused(self._store, model_id)
        return json_response({}, status=200 if self._models.delete(model_id) else 204)


def check_unused(store: Store, model_id: str) -> None:
    """Refuse to delete a model that a service uses.

    Raises
    ------
    RefusalError
        With the name of the service, or of its endpoint.
    """
    for service in store.documents("services").all():
        image = service.get("environmentImageRequest") or {}
        if model_id in (image.get("modelIds") or []):
            name = str(service[OWN].get("endpoint") or service["name"]).rpartition(":")[2]
            message = (
                f"DeletionRequired: the model {model_id} is used by the service {name}; "
                "delete that first."
            )
            raise RefusalError(412, "DeletionRequired", message)


def _age(model: dict[str, Any]) -> tuple[str, str]:
    return model["createdTime"], model["id"]


def _fits(model: dict[str, Any], wanted: Any) -> bool:
    """Return whether a model matches a query."""
    plain = ("name", "runId", "framework")
    datasets = [dataset.get("id") for dataset in model.get("datasets") or []]
    return (
        all(wanted[key] == model.get(key) for key in plain if wanted.get(key))
        and has_all(model.get("kvTags"), wanted.get("tags", ""))
        and has_all(model.get("properties"), wanted.get("properties", ""))
        and wanted.get("datasetId", "") in {"", *datasets}
    )


def _page(models: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    """Return one page, from after the model that the token names, even if others were added."""
    size = request.args.get("count", _MOST_OF_A_PAGE, type=int)
    if not 1 <= size <= _MOST_OF_A_PAGE:
        raise RefusalError(400, "InvalidCount", f"count is {size}; expected 1 to {_MOST_OF_A_PAGE}")
    if token := request.args.get("$skipToken"):
        age = _from_token(token)
        models = [model for model in models if _age(model) < age]
    page: dict[str, Any] = {"value": models[:size], "nextLink": None}
    if len(models) > size:
        last = base64.urlsafe_b64encode(" ".join(_age(models[size - 1])).encode()).decode()
        query = request.args.to_dict() | {"$skipToken": last}
        page["nextLink"] = f"{request.base_url}?{urlencode(query)}"
    return page


def _from_token(token: str) -> tuple[str, str]:
    try:
        created, model_id = base64.urlsafe_b64decode(token).decode().split(" ")
    except ValueError:
        raise RefusalError(400, "InvalidSkipToken", "The $skipToken is invalid.") from None
    return created, model_id


def _change(model: dict[str, Any], operation: dict[str, Any]) -> None:
    """Apply one operation of a JSON patch (RFC 6902), to a field or to an entry of it."""
    _, _, path = operation["path"].partition("/")
    name, _, entry = path.partition("/")
    if name not in _CHANGEABLE or operation["op"] not in {"add", "replace", "remove"}:
        message = f"{operation['op']} of {operation['path']} is not supported."
        raise RefusalError(400, "InvalidPatch", message)
    before = dict(model.get("properties") or {})
    holder, key = (model.setdefault(name, {}), entry) if entry else (model, name)
    check_shape({name: holder}, {name: dict})
    if operation["op"] == "remove":
        holder.pop(key, None)
    else:
        holder[key] = operation.get("value")
    after = model.get("properties") or {}
    if any(after.get(each) != value for each, value in before.items()):
        message = "A property cannot be changed once it is set; new ones can be added."
        raise RefusalError(400, "PropertiesAreImmutable", message)
