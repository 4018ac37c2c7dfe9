"""Describe what an offline workspace does not support, and what to do instead.

A call that the workspace does not support is matched to the service that its path belongs to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Absence:
    """A service or feature that is not available.

    Parameters
    ----------
    what : str
        The phrase that completes "An offline workspace has no".
    instead : str
        What to do instead, as an imperative.
    """

    what: str
    instead: str

    def sentence(self) -> str:
        return f"An offline workspace has no {self.what}: {self.instead}."


_TABLES = json.loads(Path(__file__).with_name("absences.json").read_text(encoding="utf-8"))
# By the first part of the path.
_SERVICES = {key: _Absence(*words) for key, words in _TABLES["services"].items()}
# By what follows the workspace's path in the resource manager.
_RESOURCES = {key: _Absence(*words) for key, words in _TABLES["resources"].items()}
# By what follows the workspace's path at the model management service.
_MODEL_MANAGEMENT = {key: _Absence(*words) for key, words in _TABLES["model management"].items()}
# By the host, which the client takes for Azure's.
_HOSTS = {key: _Absence(*words) for key, words in _TABLES["hosts"].items()}
# The services that are available, though not each of their calls is supported.
_NAMES = _TABLES["names of services that there are"]
_NO_SIZES = _Absence(
    "list of machine sizes, and no compute instances", "create AmlCompute, with any vm_size"
)


def refusal_of(method: str, path: str, *, host: str, status: int) -> RefusalError:
    """Return the response to a call that the workspace does not support.

    Where the client should show the message, the status is 400 instead of the HTTP `status`: the
    SDK often turns a 404 into an error of its own, such as that a model is not registered.
    """
    absence = _absence_at(host) or _absence_of(method, path)
    if absence is None:
        where = path[:_LONGEST_CALL]
        message = f"An offline workspace has no {method} of {where}: it answers azureml-core alone."
        return RefusalError(status, "NotFound", message)
    return RefusalError(400, "NotInOfflineWorkspace", absence.sentence())


def _absence_at(host: str) -> _Absence | None:
    name = host.partition(":")[0].lower()
    return next((each for end, each in _HOSTS.items() if name.endswith(end)), None)


def _absence_of(method: str, path: str) -> _Absence | None:
    if found := _SERVICE.match(path):
        return _of_service(found[1].lower(), f"{method} {found[2] or '/'}")
    if found := _RESOURCE.match(path):
        kind = found[1].strip("/").partition("/")[0].lower()
        return _RESOURCES.get(kind, _Absence(f"{kind!r} among its resources", _IN_AZURE))
    if path.endswith("/vmSizes"):
        return _NO_SIZES
    if path.lower().startswith("/subscriptions/"):
        found = _PROVIDER.search(path)
        whose = found[1][:_LONGEST_CALL] if found else "Azure"
        return _Absence(
            f"resources of {whose} beside itself", f"leave the call out, or {_IN_AZURE}"
        )
    return None


def _of_service(service: str, call: str) -> _Absence:
    kind = call.partition(" ")[2].strip("/").partition("/")[0].lower()
    if service == "modelmanagement" and kind in _MODEL_MANAGEMENT:
        return _MODEL_MANAGEMENT[kind]
    if service in _NAMES:
        what = f"answer to the call {call[:_LONGEST_CALL]} of the {_NAMES[service]}"
        return _Absence(what, f"leave the call out, or {_IN_AZURE}")
    return _SERVICES.get(service, _Absence(f"service {service!r}", _IN_AZURE))
