"""What a client asks of a service, judged: a new one, or a change to one."""

from __future__ import annotations

import copy
import math
import re
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError
from modelship.targets.names import check_service_name
from modelship.testing.offline import failures
from modelship.testing.offline.exchange import RefusalError, check_shape
from modelship.testing.offline.shapes import NUMBER, optional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RESOURCES", "changed", "check_create", "checked_key", "resources"]

# What Container Instances give a container group of Linux.
_MOST_CORES: Final = 4.0
_MOST_MEMORY_GB: Final = 16.0
# What AciWebservice.deploy_configuration() says of itself.
_DEFAULT: Final = {"cpu": 0.1, "memoryInGB": 0.5}

_KEY: Final = re.compile(r"[!-~]{1,512}")

RESOURCES: Final = {"cpu": optional(*NUMBER), "memoryInGB": optional(*NUMBER)}
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
    "containerResourceRequirements": optional(dict),
    "environmentImageRequest": optional(dict),
}
_IMAGE_SHAPE: Final[dict[str, Any]] = {
    "driverProgram": optional(str),
    "modelIds": [str],
    "assets": [_ASSET],
    "environment": optional(dict),
}
_CHANGEABLE = frozenset(
    {
        *("kvTags", "description", "properties", "authEnabled", "environmentImageRequest"),
        *("sslEnabled", "sslCertificate", "sslKey", "cname", "appInsightsEnabled"),
    }
)


def check_create(wanted: Mapping[str, Any]) -> None:
    """Refuse a request for a service that cannot be.

    Raises
    ------
    RefusalError
        With the status and the words of the answer.
    """
    try:
        check_service_name(wanted.get("name"))
    except InvalidNameError as error:
        raise _bad(error.message) from None
    if wanted.get("computeType") != "ACI":
        raise _bad(f"An offline workspace has no {wanted.get('computeType')}; use ACI.")
    check_shape(wanted, _SHAPE)
    for key in (wanted.get("keys") or {}).values():
        checked_key(key)
    _check_image_request(wanted.get("environmentImageRequest"))
    asked = resources(wanted)
    if any(
        not isinstance(each, (int, float)) or not 0 < each < math.inf for each in asked.values()
    ):
        raise _bad("containerResourceRequirements: cpu and memoryInGB must be numbers above 0.")
    if asked["cpu"] > _MOST_CORES or asked["memoryInGB"] > _MOST_MEMORY_GB:
        message = failures.overloaded(asked["cpu"], asked["memoryInGB"])
        raise RefusalError(400, "ResourceRequestExceeded", message)


def resources(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cores and the memory in GB that a request asks for, or else the defaults."""
    asked = wanted.get("containerResourceRequirements") or {}
    return {
        key: default if asked.get(key) is None else asked[key] for key, default in _DEFAULT.items()
    }


def changed(document: Mapping[str, Any], patch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document of a service after a JSON patch (RFC 6902).

    Raises
    ------
    RefusalError
        If the patch changes what cannot be changed.
    """
    new: dict[str, Any] = copy.deepcopy(dict(document))
    for each in patch:
        _apply(new, str(each.get("op")), str(each.get("path")), each.get("value"))
    check_shape(new, _SHAPE)
    _check_image_request(new["environmentImageRequest"])
    return new


def checked_key(key: object) -> str:
    """Return a key that can stand in a header field, or ``""`` if none is given.

    Raises
    ------
    RefusalError
        If it is something else.
    """
    if not key:
        return ""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise _bad("A key has 1 to 512 letters, digits or signs of ASCII, and no spaces.")
    return key


def _apply(document: dict[str, Any], operation: str, path: str, value: Any) -> None:
    field, *rest = (_unescaped(part) for part in path.removeprefix("/").split("/"))
    if field not in _CHANGEABLE or len(rest) > 1 or operation not in {"add", "replace", "remove"}:
        raise _bad(f"{operation} of {path} is not possible for an ACI service.")
    place = document
    if rest:
        place, field = document[field], rest[0]
        if not isinstance(place, dict):
            raise _bad(f"{operation} of {path} is not possible: it has no parts.")
    if operation == "remove":
        place.pop(field, None)
    else:
        place[field] = value


def _check_image_request(image: Any) -> None:
    if not isinstance(image, dict):
        raise _bad("environmentImageRequest is missing; images of your own are not run offline.")
    if not image.get("assets"):
        raise _bad("There is no scoring script; deployment without code is not run offline.")
    check_shape(image, _IMAGE_SHAPE)
    environment = image.get("environment") or {}
    check_shape(environment, _ENVIRONMENT)
    check_shape(environment.get("python") or {}, {"condaDependencies": optional(dict)})


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _bad(message: str) -> RefusalError:
    return RefusalError(400, "BadArgument", message)
