"""What a client asks of a service, judged: a new one, or a change to one."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError
from modelship.targets.names import check_service_name
from modelship.testing.offline import failures
from modelship.testing.offline.exchange import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["changed", "check_create", "resources"]

# What Container Instances give a container group of Linux.
_MOST_CORES: Final = 4.0
_MOST_MEMORY_GB: Final = 16.0
# What AciWebservice.deploy_configuration() says of itself.
_DEFAULT: Final = {"cpu": 0.1, "memoryInGB": 0.5}

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
    _check_image_request(new["environmentImageRequest"])
    return new


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


def _check_image_request(image: object) -> None:
    if not isinstance(image, dict):
        raise _bad("environmentImageRequest is missing; images of your own are not run offline.")
    if not image.get("assets"):
        raise _bad("There is no scoring script; deployment without code is not run offline.")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _bad(message: str) -> RefusalError:
    return RefusalError(400, "BadArgument", message)
