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
    json_object,
    json_patch,
    json_response,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.service_documents import OWN, has_all
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store

__all__ = ["Models"]

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
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


class Models:
    """The model registry of an offline workspace.

    Parameters
    ----------
    store : Store
        Where models (documents ``name:version``) and assets (by id) are stored.
    """

    def __init__(self, store: Store) -> None:
        self._models = store.documents("models")
        self._assets = store.documents("assets")
        self._counters = store.documents("model-counters")
        self._services = store.documents("services")

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        one = f"{MMS}/models/<model_id>"
        return [
            Call("assets.create", "POST", f"{MMS}/assets", self._create_asset),
            Call("assets.get", "GET", f"{MMS}/assets/<asset_id>", self._get_asset),
            Call("models.create", "POST", f"{MMS}/models", self._create),
            Call("models.list", "GET", f"{MMS}/models", self._list),
            Call("models.get", "GET", one, self._get),
            Call("models.update", "PATCH", one, self._update),
            Call("models.delete", "DELETE", one, self._delete),
        ]

    def _create_asset(self, request: Request, **_scope: str) -> Response:
        asset = json_object(request, {"artifacts": [_ARTIFACT]}) | {
            "id": str(uuid.uuid4()),
            "createdTime": moment(),
        }
        self._assets.put(asset["id"], asset)
        return json_response(asset)

    def _get_asset(self, _request: Request, *, asset_id: str, **_scope: str) -> Response:
        asset = self._assets.get(asset_id)
        if asset is None:
            raise RefusalError(404, "AssetNotFound", f"There is no asset {asset_id}.")
        return json_response(asset)

    def _create(self, request: Request, **_scope: str) -> Response:
        body = json_object(request, {"name": str, **_SHAPE})
        name = body["name"]
        if not _NAME.fullmatch(name):
            raise RefusalError(400, "InvalidModelName", f"{name!r} is not a valid model name.")
        self._check_url(str(body.get("url")))
        with self._models.lock:
            version = self._next_version(name)
            given = {"id": f"{name}:{version}", "version": version, "createdTime": moment()}
            full = {key: body.get(key) or new() for key, new in _COLLECTIONS.items()}
            model = body | full | given
            self._models.put(model["id"], model)
        return json_response(model)

    def _check_url(self, url: str) -> None:
        if url.startswith(_ASSET) and self._assets.get(url.removeprefix(_ASSET)) is None:
            raise RefusalError(400, "AssetNotFound", f"The model's url names no asset: {url}")

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

    def _list(self, request: Request, **_scope: str) -> Response:
        found = [model for model in self._models.all() if _fits(model, request.args)]
        found.sort(key=_age, reverse=True)
        if request.args.get("latestVersionOnly", "").lower() == "true":
            newest: dict[str, dict[str, Any]] = {}
            for model in found:
                newest.setdefault(model["name"], model)
            found = list(newest.values())
        return json_response(_page(found, request))

    def _get(self, _request: Request, *, model_id: str, **_scope: str) -> Response:
        return json_response(self._find(model_id))

    def _find(self, model_id: str) -> dict[str, Any]:
        model = self._models.get(model_id)
        if model is None:
            message = f"Model with id {model_id} not found in provided workspace."
            raise RefusalError(404, "ModelNotFound", message)
        return model

    def _update(self, request: Request, *, model_id: str, **_scope: str) -> Response:
        with self._models.lock:
            model = self._find(model_id)
            for operation in json_patch(request):
                _change(model, operation)
            check_shape(model, _SHAPE)
            model["modifiedTime"] = moment()
            self._models.put(model_id, model)
        return json_response(model)

    def _delete(self, _request: Request, *, model_id: str, **_scope: str) -> Response:
        for service in self._services.all():
            image = service.get("environmentImageRequest") or {}
            if model_id in (image.get("modelIds") or []):
                message = (
                    f"DeletionRequired: the model {model_id} is used by the service "
                    f"{service[OWN].get('endpoint') or service['name']}; delete that first."
                )
                raise RefusalError(412, "DeletionRequired", message)
        existed = self._models.delete(model_id)
        return json_response({}) if existed else json_response({}, status=204)


def _age(model: dict[str, Any]) -> tuple[str, str]:
    return model["createdTime"], model["id"]


def _fits(model: dict[str, Any], wanted: Any) -> bool:
    """Return whether a model matches a query."""
    plain = {"name": "name", "runId": "runId", "framework": "framework"}
    datasets = [dataset.get("id") for dataset in model.get("datasets") or []]
    return (
        all(wanted[key] == model.get(field) for key, field in plain.items() if wanted.get(key))
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
        last = _from_token(token)
        models = [model for model in models if _age(model) < last]
    page: dict[str, Any] = {"value": models[:size], "nextLink": None}
    if len(models) > size:
        query = request.args.to_dict() | {"$skipToken": _to_token(models[size - 1])}
        page["nextLink"] = f"{request.base_url}?{urlencode(query)}"
    return page


def _to_token(model: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(" ".join(_age(model)).encode()).decode()


def _from_token(token: str) -> tuple[str, str]:
    try:
        created, model_id = base64.urlsafe_b64decode(token).decode().split(" ")
    except ValueError:
        raise RefusalError(400, "InvalidSkipToken", "the $skipToken is not one of ours") from None
    return created, model_id


def _change(model: dict[str, Any], operation: dict[str, Any]) -> None:
    """Apply one operation of a JSON patch (RFC 6902), to a field or to an entry of it."""
    _, _, path = operation["path"].partition("/")
    name, _, entry = path.partition("/")
    ways: dict[str, Callable[..., None]] = {"add": _set, "replace": _set, "remove": _remove}
    way = ways.get(operation["op"])
    if name not in _CHANGEABLE or way is None:
        message = f"{operation.get('op')} of {operation.get('path')} is not possible"
        raise RefusalError(400, "InvalidPatch", message)
    before = dict(model.get("properties") or {})
    holder, key = (model.setdefault(name, {}), entry) if entry else (model, name)
    check_shape({name: holder}, {name: dict})
    way(holder, key, operation.get("value"))
    after = model.get("properties") or {}
    if any(after.get(each) != value for each, value in before.items()):
        message = "A property cannot be changed once it is set; new ones can be added."
        raise RefusalError(400, "PropertiesAreImmutable", message)


def _set(holder: dict[str, Any], key: str, value: Any) -> None:
    holder[key] = value


def _remove(holder: dict[str, Any], key: str, _value: Any) -> None:
    holder.pop(key, None)
