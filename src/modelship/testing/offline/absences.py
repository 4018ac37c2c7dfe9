"""Describe what an offline workspace does not support, and what to do instead.

A call that the workspace does not support is matched to the service that its path belongs to.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from modelship.testing.offline.json_exchange import RefusalError

__all__ = ["refusal_of"]

_WORKSPACE = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/workspaces/[^/]+"
_SERVICE = re.compile(
    rf"/([a-z]+)/(?:v[\d.]+|api)(?:/private)?(?:{_WORKSPACE})?(/.*|$)", re.IGNORECASE
)
_RESOURCE = re.compile(rf"(?:/rp/workspaces)?{_WORKSPACE}(/.*|$)", re.IGNORECASE)
_PROVIDER = re.compile(r"/providers/([^/]+)", re.IGNORECASE)
_LONGEST_CALL = 200
_IN_AZURE = "run it in a workspace in Azure"


# What an offline workspace does not have, and what to do instead: by the first part of the path, by
# what follows the workspace's path in the resource manager or at the model management service, and
# by the host, which the client takes for Azure's. Also the services that are available, though not
# each of their calls is supported.
_TABLES = json.loads(Path(__file__).with_name("absences.json").read_text(encoding="utf-8"))
_NO_SIZES = (
    "list of machine sizes, and no compute instances",
    "create AmlCompute, with any vm_size",
)


def refusal_of(method: str, path: str, *, host: str, status: int) -> RefusalError:
    """Return the response to a call that the workspace does not support.

    Where the client should show the message, the status is 400 instead of the HTTP `status`: the
    SDK often turns a 404 into an error of its own, such as that a model is not registered.
    """
    absence = _absence_at(host) or _absence_of(method, path)
    if absence is None:
        where = path[:_LONGEST_CALL]
        message = (
            f"An offline workspace has no {method} of {where}: it only answers Azure ML's SDKs."
        )
        return RefusalError(status, "NotFound", message)
    what, instead = absence
    message = f"An offline workspace has no {what}: {instead}."
    return RefusalError(400, "NotInOfflineWorkspace", message)


def _absence_at(host: str) -> tuple[str, str] | None:
    name = host.partition(":")[0].lower()
    return next((each for end, each in _TABLES["hosts"].items() if name.endswith(end)), None)


def _absence_of(method: str, path: str) -> tuple[str, str] | None:
    if found := _SERVICE.match(path):
        return _of_service(found[1].lower(), f"{method} {found[2] or '/'}")
    if found := _RESOURCE.match(path):
        return _of_resource(found[1].strip("/"), method)
    if path.endswith("/vmSizes"):
        return _NO_SIZES
    if path.lower().startswith("/subscriptions/"):
        found = _PROVIDER.search(path)
        whose = found[1][:_LONGEST_CALL] if found else "Azure"
        return f"resources of {whose} other than itself", f"leave the call out, or {_IN_AZURE}"
    return None


def _of_resource(path: str, method: str) -> tuple[str, str]:
    kind = path.partition("/")[0].lower()
    if kind in _TABLES["resources that there are"]:
        what = f"answer to the call {method} /{path[:_LONGEST_CALL]} of the resource manager"
        return what, f"leave the call out, or {_IN_AZURE}"
    return _of("resources", kind, f"{kind!r} among its resources")


def _of_service(service: str, call: str) -> tuple[str, str]:
    kind = call.partition(" ")[2].strip("/").partition("/")[0].lower()
    if service == "modelmanagement" and kind in _TABLES["model management"]:
        return _of("model management", kind)
    if name := _TABLES["names of services that there are"].get(service):
        what = f"answer to the call {call[:_LONGEST_CALL]} of the {name}"
        return what, f"leave the call out, or {_IN_AZURE}"
    return _of("services", service, f"service {service!r}")


def _of(table: str, key: str, otherwise: str = "") -> tuple[str, str]:
    what, instead = _TABLES[table].get(key, (otherwise, _IN_AZURE))
    return what, instead
