"""The versions of an endpoint: the document of each, and how a change affects them.

A version is a service of its own, except for its address, its keys and its cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.aks.aks_services import OF_VERSIONS, Kubernetes
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.service_documents import OWN
from modelship.testing.offline.service_requests import bad, check_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["changed_versions", "check_version", "new_version", "of_endpoint", "shares"]

_VERSIONS: Final = Kubernetes(OF_VERSIONS | {"trafficPercentile", "isDefault", "type"})
_PREFIX: Final = "/versions/"
_ALL: Final = 100  # of the requests, in percent


def shares(versions: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the percentage of requests that each version of an endpoint gets, by name.

    The percentage that is not assigned to any version goes to the default one.
    """
    found = list(versions)
    rest = _ALL - sum(map(_share, found))
    return {each["name"]: _share(each) + (rest if each.get("isDefault") else 0) for each in found}


def check_version(name: Any, wanted: Any) -> None:
    """Refuse an invalid request for a version.

    Raises
    ------
    RefusalError
        With the status and the message of the response.
    """
    check_name(name)
    if not isinstance(wanted, dict):
        raise bad(f"The version {name} must be a JSON object.")
    _VERSIONS.check(wanted | {"name": name})
    _check_traffic([wanted])


def new_version(
    endpoint: Mapping[str, Any], name: str, wanted: Mapping[str, Any], *, is_first: bool
) -> dict[str, Any]:
    """Return the document of a version that is about to be deployed.

    Parameters
    ----------
    endpoint : Mapping[str, Any]
        The document of its endpoint.
    name : str
        Its name.
    wanted : Mapping[str, Any]
        The request.
    is_first : bool
        Whether the endpoint has no other version; then it is the default one, and the control.
    """
    document = _VERSIONS.new_document(dict(wanted) | {"name": name})
    document[OWN]["endpoint"] = endpoint["name"]
    is_control = is_first or wanted.get("type") == "Control"
    shared = ("computeName", "namespace", "authEnabled", "aadAuthEnabled", "appInsightsEnabled")
    return {
        **document,
        **{field: endpoint[field] for field in shared},
        "trafficPercentile": wanted.get("trafficPercentile") or 0,
        "isDefault": is_first or bool(wanted.get("isDefault")),
        "type": "Control" if is_control else "Treatment",
    }


def of_endpoint(patch: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the part of a JSON patch that changes the endpoint itself, not its versions."""
    return [each for each in patch if not str(each["path"]).startswith(_PREFIX)]


def changed_versions(
    endpoint: Mapping[str, Any],
    versions: Mapping[str, dict[str, Any]],
    patch: Iterable[Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return the documents of an endpoint's versions, by name, after a JSON patch (RFC 6902).

    Raises
    ------
    RefusalError
        If the patch changes a field that cannot be changed.
    """
    new = dict(versions)
    for each in patch:
        if not str(each["path"]).startswith(_PREFIX):
            continue
        name, _, field = str(each["path"]).removeprefix(_PREFIX).partition("/")
        if field:
            new[name] = _changed(_required(new, name, endpoint), {**each, "path": f"/{field}"})
        elif each["op"] == "remove":
            _required(new, name, endpoint)
            del new[name]
        else:
            new[name] = _added(endpoint, new, name, each.get("value"))
    _check_traffic(new.values())
    return _with_default(new)


def _with_default(versions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the versions with a default one: the first, if the default was removed."""
    if not versions or any(each.get("isDefault") for each in versions.values()):
        return versions
    first = next(iter(versions))
    return {**versions, first: {**versions[first], "isDefault": True}}


def _changed(document: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    if change["path"] == "/tags":  # for versions the SDK says tags, not kvTags as elsewhere
        change = {**change, "path": "/kvTags"}
    return _VERSIONS.changed(document, [change])


def _added(
    endpoint: Mapping[str, Any], versions: Mapping[str, Any], name: str, wanted: Any
) -> dict[str, Any]:
    if name in versions:
        message = f"The endpoint {endpoint['name']} has a version {name}; use update_version()."
        raise RefusalError(409, "VersionExists", message)
    check_version(name, wanted)
    return new_version(endpoint, name, wanted, is_first=not versions)


def _required(
    versions: Mapping[str, dict[str, Any]], name: str, endpoint: Mapping[str, Any]
) -> dict[str, Any]:
    if name not in versions:
        there = ", ".join(sorted(versions)) or "none"
        message = f"The endpoint {endpoint['name']} has no version {name}; it has {there}."
        raise RefusalError(404, "VersionNotFound", message)
    return versions[name]


def _check_traffic(versions: Iterable[Mapping[str, Any]]) -> None:
    found = list(versions)
    for each in found:
        share = _share(each)
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= _ALL:
            raise bad(f"trafficPercentile is {share!r}; it must be a number from 0 to {_ALL}.")
    if (total := sum(map(_share, found))) > _ALL:
        raise bad(
            f"The traffic of the versions adds up to {total:g} %; the maximum is {_ALL} %. "
            "Reduce that of another version first."
        )


def _share(version: Mapping[str, Any]) -> Any:
    return version.get("trafficPercentile") or 0
