"""Endpoints on Kubernetes: versions of a service at one address, which share its traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.targets.state import State
from modelship.testing.offline.aks.aks_services import check_doors, doors
from modelship.testing.offline.aks.endpoint_versions import (
    changed_versions,
    check_version,
    new_version,
    of_endpoint,
)
from modelship.testing.offline.json_exchange import RefusalError, json_patch
from modelship.testing.offline.moments import moment
from modelship.testing.offline.nocode.no_code import NoCode
from modelship.testing.offline.service_documents import (
    OWN,
    base_document,
    begun,
    key_of,
    model_ids,
    shown,
    what_runs,
)
from modelship.testing.offline.service_requests import bad, check_models, check_named, patched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.service_rollouts import Rollouts

__all__ = ["Endpoints"]

_FLAGS: Final = ("authEnabled", "aadAuthEnabled", "appInsightsEnabled")
_CHANGEABLE: Final = frozenset({"kvTags", "description", "properties", *_FLAGS})


class Endpoints:
    """The endpoints of a workspace. Each version of one is a running service.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    rollouts : Rollouts
        Starts versions.
    """

    def __init__(self, context: Context, rollouts: Rollouts) -> None:
        self._store = context.store
        self._documents = context.store.documents("endpoints")
        self._services = context.store.documents("services")
        self._nocode = NoCode(context.store)
        self._rollouts = rollouts

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the document of an endpoint, or None."""
        return self._documents.get(name)

    def all(self) -> list[dict[str, Any]]:
        """Return the documents of all endpoints."""
        return self._documents.all()

    def check(self, wanted: Mapping[str, Any]) -> None:
        """Refuse an invalid request for an endpoint.

        Raises
        ------
        RefusalError
            With the status and the message of the response.
        """
        check_named(wanted, versions=dict)
        if len(wanted["versions"]) != 1:
            raise bad("An endpoint is created with one version; create_version() adds others.")
        for name, version in wanted["versions"].items():
            check_version(name, self._completed(version))
            check_models(self._store, version)
        check_doors(wanted)

    def create(self, request: Request, wanted: Mapping[str, Any]) -> Response:
        """Create an endpoint with its first version, replacing an older one of this name."""
        name = str(wanted["name"])
        older = self.get(name)
        if older is not None:
            self._remove(name)
        document = _new_document(wanted)
        document[OWN]["port"] = older[OWN]["port"] if older else None
        ((version, asked),) = wanted["versions"].items()
        first = new_version(document, version, self._completed(asked), is_first=True)
        self._services.put(key_of(first), first)  # first: nobody sees an endpoint without versions
        self._documents.put(name, document)
        return self._rollouts.begin(request, key_of(first))

    def update(self, request: Request, name: str) -> Response:
        """Change an endpoint or its versions: the whole request or nothing."""
        with self._rollouts.changing(name):
            document = self._require(name)
            versions = self._versions(name)
            if any(each["state"] == State.TRANSITIONING for each in versions.values()):
                message = f"A version of {name} is being deployed; update it afterwards."
                raise RefusalError(409, "ServiceIsTransitioning", message)
            patch = [self._completed_change(each) for each in json_patch(request)]
            changed = patched(
                document, of_endpoint(patch), changeable=_CHANGEABLE, kind="an endpoint on AKS"
            )
            check_doors(changed)
            new = changed_versions(changed, versions, patch)
            to_deploy = [name for name in new if _differs(new[name], versions.get(name))]
            if len(to_deploy) > 1:
                raise bad(
                    "The code, models and resources of only one version can be changed at a time."
                )
            for each in new.values():
                check_models(self._store, each)
            self._documents.put(name, changed | {"updatedTime": moment()})
            return self._apply(request, name, versions, new, to_deploy)

    def delete(self, name: str) -> None:
        """Delete an endpoint with all its versions."""
        with self._rollouts.changing(name):
            self._remove(name)

    def logs(self, name: str) -> str:
        """Return the output of the containers of all versions, one after the other."""
        return "".join(
            f"--- version {version} ---\n{self._rollouts.logs(key_of(document))}\n"
            for version, document in self._versions(name).items()
        )

    def model_ids(self, name: str) -> list[str]:
        """Return ``name:version`` of each model of a version of an endpoint."""
        return [each for version in self._versions(name).values() for each in model_ids(version)]

    def shown(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of an endpoint, and of its versions, that a client sees."""
        found = {
            name: self._rollouts.refresh(each)
            for name, each in self._versions(document["name"]).items()
        }
        addresses = [each["scoringUri"] for each in found.values() if each["scoringUri"]]
        doors = {flag: document[flag] for flag in _FLAGS}
        errors = [each["error"] for each in found.values() if each["error"]]
        return {
            **{field: value for field, value in document.items() if field != OWN},
            "state": _state_of({each["state"] for each in found.values()}),
            "error": errors[0] if errors else None,
            "scoringUri": addresses[0] if addresses else None,
            "versions": {
                name: shown({**each, **doors}, self._store) for name, each in found.items()
            },
        }

    def _apply(
        self,
        request: Request,
        name: str,
        old: Mapping[str, dict[str, Any]],
        new: Mapping[str, dict[str, Any]],
        to_deploy: list[str],
    ) -> Response:
        for version in old.keys() - new.keys():
            self._remove_version(old[version])
        for version, document in new.items():
            now = begun(document, before=old.get(version)) if version in to_deploy else document
            self._services.put(key_of(document), now | {"updatedTime": moment()})
        if to_deploy:
            return self._rollouts.begin(request, key_of(new[to_deploy[0]]))
        return self._rollouts.done(request, name)

    def _remove(self, name: str) -> None:
        for version in self._versions(name).values():
            self._remove_version(version)
        self._documents.delete(name)
        self._rollouts.remove(name)  # its address

    def _remove_version(self, document: Mapping[str, Any]) -> None:
        self._rollouts.remove(key_of(document))
        self._services.delete(key_of(document))

    def _versions(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the documents of an endpoint's versions, by name."""
        found = [each for each in self._services.all() if each[OWN].get("endpoint") == name]
        return {each["name"]: each for each in sorted(found, key=lambda each: each["createdTime"])}

    def _completed(self, version: Any) -> Any:
        return self._nocode.completed(version) if isinstance(version, dict) else version

    def _completed_change(self, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a change to an endpoint, with its request for a version completed, if any."""
        parts = str(change["path"]).split("/")[1:]
        if parts[0] != "versions" or len(parts) == 1:
            return change
        if len(parts) == 2:
            return {**change, "value": self._completed(change.get("value"))}
        within = {**change, "path": f"/{'/'.join(parts[2:])}"}
        return {**self._nocode.completed_patch([within])[0], "path": change["path"]}

    def _require(self, name: str) -> dict[str, Any]:
        message = f"Service with name {name} not found."
        return self._documents.require(name, "ServiceNotFound", message)


def _new_document(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **base_document(wanted),
        **doors(wanted),
        "computeType": "AKSENDPOINT",
        "computeName": wanted.get("computeName"),
        "namespace": wanted.get("namespace"),
    }


def _differs(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    return old is None or what_runs(new) != what_runs(old)


def _state_of(states: set[str]) -> str:
    """Return the state of an endpoint whose versions are in these states."""
    if State.TRANSITIONING in states:
        return str(State.TRANSITIONING)
    if states <= {State.HEALTHY}:
        return str(State.HEALTHY)
    return str(State.FAILED if states == {State.FAILED} else State.UNHEALTHY)
