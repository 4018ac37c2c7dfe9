"""Validate requests for any service: a new one, or a change to one."""

from __future__ import annotations

import copy
import math
import re
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError
from modelship.targets.instance import check_service_name
from modelship.testing.offline.json_exchange import RefusalError, check_shape, optional
from modelship.testing.offline.service_documents import model_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.testing.offline.document_store import Store

__all__ = [
    "bad",
    "check_models",
    "check_name",
    "check_named",
    "check_request",
    "checked_key",
    "patched",
    "resources",
]

# The defaults of the SDK's configurations.
_DEFAULT: Final = {"cpu": 0.1, "memoryInGB": 0.5}

_KEY: Final = re.compile(r"[!-~]{1,512}")

_ASSET: Final = {"id": str, "url": str}
_ENVIRONMENT: Final = {
    "name": optional(str),
    "environmentVariables": optional(dict),
    "python": optional(dict),
    "docker": optional(dict),
}
_SHAPE: Final[dict[str, Any]] = {
    "kvTags": optional(dict),
    "properties": optional(dict),
    "description": optional(str),
    "location": optional(str),
    "keys": optional(dict),
    "computeName": optional(str),
    "namespace": optional(str),
    "containerResourceRequirements": optional(dict),
    "environmentImageRequest": optional(dict),
}
_IMAGE_SHAPE: Final[dict[str, Any]] = {
    "driverProgram": optional(str),
    "modelIds": [str],
    "assets": [_ASSET],
    "environment": optional(dict),
}


def check_name(name: Any) -> None:
    """Refuse an invalid service name.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    try:
        check_service_name(name)
    except InvalidNameError as error:
        raise bad(error.message) from None


def check_named(wanted: Mapping[str, Any], **fields: Any) -> None:
    """Refuse a request for a service or an endpoint, unless its name, keys and shape are valid.

    Parameters
    ----------
    wanted : Mapping[str, Any]
        The request.
    **fields
        The shapes of further fields.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    check_name(wanted.get("name"))
    check_shape(wanted, _SHAPE | fields)
    for key in (wanted.get("keys") or {}).values():
        checked_key(key)


def check_request(wanted: Mapping[str, Any]) -> None:
    """Refuse an invalid request for a service, or its document, wherever it runs.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    check_named(wanted)
    _check_image_request(wanted.get("environmentImageRequest"))
    asked = resources(wanted)
    if any(
        not isinstance(each, (int, float)) or not 0 < each < math.inf for each in asked.values()
    ):
        raise bad("containerResourceRequirements: cpu and memoryInGB must be numbers above 0.")


def resources(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cores and the memory in GB that a request asks for, or else the defaults."""
    asked = wanted.get("containerResourceRequirements") or {}
    return {
        key: default if asked.get(key) is None else asked[key] for key, default in _DEFAULT.items()
    }


def patched(
    document: Mapping[str, Any],
    patch: Sequence[Mapping[str, Any]],
    *,
    changeable: frozenset[str],
    kind: str,
) -> dict[str, Any]:
    """Return a document with a JSON patch (RFC 6902) applied.

    Parameters
    ----------
    document : Mapping[str, Any]
        The current document.
    patch : Sequence[Mapping[str, Any]]
        The operations.
    changeable : frozenset[str]
        The fields that may change, with the fields inside them.
    kind : str
        What the document describes: ``"an ACI service"``.

    Raises
    ------
    RefusalError
        If the patch changes a field that cannot be changed.
    """
    new: dict[str, Any] = copy.deepcopy(dict(document))
    for each in patch:
        path = str(each.get("path"))
        if path == "/imageId":
            raise bad(
                "An offline workspace has no images; update models and inference_config instead."
            )
        parts = path.removeprefix("/").split("/")
        field, *rest = (part.replace("~1", "/").replace("~0", "~") for part in parts)
        if field not in changeable or len(rest) > 1:
            raise bad(f"{each.get('op')} of {path} is not possible for {kind}.")
        _apply(new, field, rest, each)
    return new | {field: new.get(field) or {} for field in ("kvTags", "properties")}


def checked_key(key: object) -> str:
    """Return a key that is valid in a header field, or ``""`` if none is given.

    Raises
    ------
    RefusalError
        If it is anything else.
    """
    if not key:
        return ""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise bad("A key must be 1 to 512 printable ASCII characters without spaces.")
    return key


def bad(message: str) -> RefusalError:
    """Return the refusal of an invalid request."""
    return RefusalError(400, "BadArgument", message)


def check_models(store: Store, wanted: Mapping[str, Any]) -> None:
    """Refuse a request, or a document, that names a model which is not registered.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    for model_id in model_ids(wanted):
        message = f"Model with id {model_id} not found in provided workspace."
        store.documents("models").require(model_id, "ModelNotFound", message)


def _apply(
    document: dict[str, Any], field: str, rest: Sequence[str], change: Mapping[str, Any]
) -> None:
    operation, path = change.get("op"), change.get("path")
    if operation not in {"add", "replace", "remove"}:
        raise bad(f"{operation} of {path} is not possible; use add, replace or remove.")
    place = document
    if rest:
        place, field = document[field], rest[0]
        if not isinstance(place, dict):
            raise bad(f"{operation} of {path} is not possible: it is not part of an object.")
    if operation == "remove":
        place.pop(field, None)
    else:
        place[field] = change.get("value")


def _check_image_request(image: Any) -> None:
    if not isinstance(image, dict):
        raise bad("environmentImageRequest is missing; custom images cannot be run offline.")
    if not image.get("assets"):
        raise bad("There is no scoring script; pass an InferenceConfig with one.")
    check_shape(image, _IMAGE_SHAPE)
    environment = image.get("environment") or {}
    check_shape(environment, _ENVIRONMENT)
    check_shape(environment.get("python") or {}, {"condaDependencies": optional(dict)})
