"""The registered environments, each with its versions and labels."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import ENV
from modelship.testing.offline.environments.curated import Curated
from modelship.testing.offline.json_exchange import (
    RefusalError,
    json_list,
    json_object,
    json_response,
)
from modelship.testing.offline.offline_app import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store

__all__ = ["ONE", "Environments"]

ONE: Final = f"{ENV}/environments/<path:reference>"
"""The path of one environment; names may contain slashes, and arrive decoded."""

_LATEST = "latest"


class Environments:
    """The environments of a workspace: versions are kept, and equal content keeps its version.

    Parameters
    ----------
    store : Store
        Where they are stored, as documents ``name:version``.
    """

    def __init__(self, store: Store) -> None:
        self._documents = store.documents("environments")
        self._labels = store.documents("environment-labels")
        self._curated = Curated()

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        return [
            Call("environments.put", "PUT", ONE, self._put),
            Call("environments.get", "GET", ONE, self._get),
            Call("environments.labeled", "GET", f"{ONE}/labels/<label>", self._get_labeled),
            Call("environments.label", "PUT", f"{ONE}/metadata", self._label),
            Call("environments.list", "GET", f"{ENV}/environments", self._list),
        ]

    def register(
        self, name: str, content: Mapping[str, Any], *, version: str | None = None
    ) -> dict[str, Any]:
        """Register an environment and return it with its version; an existing version stays.

        Parameters
        ----------
        name : str
            Its name.
        content : Mapping[str, Any]
            Its definition, in the SDK's format.
        version : str, optional
            The version to give it; by default that of the same content, or the next one.
        """
        if curated := self._curated.known(name, content):
            return curated
        own = {key: each for key, each in content.items() if key not in {"version", "assetId"}}
        own["name"] = name
        digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
        with self._documents.lock:
            versions = self._versions(name)
            same = [each for each in versions if each["digest"] == digest]
            if same and version in {None, same[0]["version"]}:
                return dict(same[0]["environment"])
            version = version or str(1 + len(versions))
            environment = {**own, "version": version}
            kept = {"name": name, "version": version, "digest": digest, "environment": environment}
            self._documents.put(f"{name}:{version}", kept)
        return environment

    def find(self, reference: str) -> dict[str, Any]:
        """Return the environment that ``name`` or ``name/versions/version`` in a path names.

        Raises
        ------
        RefusalError
            If it does not exist.
        """
        name, version = _split(reference)
        return dict(self._find(name, version)["environment"])

    def _put(self, request: Request, *, reference: str, **_scope: str) -> Response:
        name, version = _split(reference)
        content = {key[:1].lower() + key[1:]: value for key, value in json_object(request).items()}
        return json_response(self.register(name, content, version=version))

    def _get(self, _request: Request, *, reference: str, **_scope: str) -> Response:
        return json_response(self.find(reference))

    def _get_labeled(
        self, _request: Request, *, reference: str, label: str, **_scope: str
    ) -> Response:
        name, _ = _split(reference)
        version = self._versions_by_label(name).get(label)
        if version is None and label != _LATEST:
            message = f"No version of the environment {name} has the label {label!r}."
            raise RefusalError(404, "EnvironmentNotFound", message)
        return json_response(self._find(name, version)["environment"])

    def _label(self, request: Request, *, reference: str, **_scope: str) -> Response:
        """Set the labels of one version; a label is on one version at a time."""
        labels = json_object(request, {"Labels": [str]}).get("Labels") or []
        name, version = _split(reference)
        version = self._find(name, version)["version"]
        with self._labels.lock:
            others = {
                label: each
                for label, each in self._versions_by_label(name).items()
                if each != version
            }
            self._labels.put(name, {"labels": others | dict.fromkeys(labels, version)})
        return json_response({})

    def _versions_by_label(self, name: str) -> dict[str, str]:
        return dict((self._labels.get(name) or {"labels": {}})["labels"])

    def _list(self, _request: Request, **_scope: str) -> Response:
        newest = {each["name"]: each["environment"] for each in self._curated.all()}
        newest |= {each["name"]: each["environment"] for each in self._documents.all()}
        return json_list(list(newest.values()))

    def _find(self, name: str, version: str | None) -> dict[str, Any]:
        fits = [each for each in self._versions(name) if version in {None, each["version"]}]
        if not fits:
            self._curated.check_known(name)
            message = f"There is no environment {name}:{version or _LATEST}."
            raise RefusalError(404, "EnvironmentNotFound", message)
        return fits[-1]

    def _versions(self, name: str) -> list[dict[str, Any]]:
        """Return the versions of an environment in the order of their registration."""
        curated = [each for each in self._curated.all() if each["name"] == name]
        return curated or [each for each in self._documents.all() if each["name"] == name]


def _split(reference: str) -> tuple[str, str | None]:
    """Return the name and version in ``name`` or ``name/versions/version``."""
    name, marker, version = reference.rstrip("/").rpartition("/versions/")
    return (name, version) if marker else (reference.rstrip("/"), None)
