"""The registered environments, each with its versions and labels."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.control import ENV
from modelship.testing.offline.environments.curated import check_stand_in, curated, sent_back
from modelship.testing.offline.json_exchange import RefusalError, json_list
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.v2.asset_versions import next_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.offline_context import Context

__all__ = ["ONE", "Environments"]

ONE: Final = f"{ENV}/environments/<path:reference>"
"""The path of one environment; names may contain slashes, and arrive decoded."""

_LATEST = "latest"


class Environments(Part):
    """The environments of a workspace: versions are kept, and equal content keeps its version."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("environments")
        self._labels = context.store.documents("environment-labels")

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
        if known := sent_back(name, content):
            return known
        own = {key: each for key, each in content.items() if key not in {"version", "assetId"}}
        own["name"] = name
        digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
        with self._documents.lock:
            versions = self._versions(name)
            same = [each for each in versions if each["digest"] == digest]
            if same and version in {None, same[0]["version"]}:
                return dict(same[0]["environment"])
            version = version or next_version(each["version"] for each in versions)
            environment = {**own, "version": version}
            kept = {"name": name, "version": version, "digest": digest, "environment": environment}
            self._documents.put(f"{name}:{version}", kept)
        return environment

    @answers("environments.get", "GET", ONE)
    def find(self, reference: str) -> dict[str, Any]:
        """Return the environment that ``name`` or ``name/versions/version`` in a path names.

        Raises
        ------
        RefusalError
            If it does not exist.
        """
        name, version = _split(reference)
        return dict(self._find(name, version)["environment"])

    @answers("environments.put", "PUT", ONE)
    def _put(self, body: dict[str, Any], reference: str) -> dict[str, Any]:
        name, version = _split(reference)
        content = {key[:1].lower() + key[1:]: value for key, value in body.items()}
        return self.register(name, content, version=version)

    @answers("environments.labeled", "GET", f"{ONE}/labels/<label>")
    def _get_labeled(self, reference: str, label: str) -> dict[str, Any]:
        name, _ = _split(reference)
        version = self._versions_by_label(name).get(label)
        if version is None and label != _LATEST:
            message = f"No version of the environment {name} has the label {label!r}."
            raise RefusalError(404, "EnvironmentNotFound", message)
        return dict(self._find(name, version)["environment"])

    @answers("environments.label", "PUT", f"{ONE}/metadata", shape={"Labels": [str]})
    def _label(self, body: dict[str, Any], reference: str) -> None:
        """Set the labels of one version; a label is on one version at a time."""
        labels = body.get("Labels") or []
        name, version = _split(reference)
        version = self._find(name, version)["version"]
        with self._labels.lock:
            found = self._versions_by_label(name).items()
            others = {label: each for label, each in found if each != version}
            self._labels.put(name, {"labels": others | dict.fromkeys(labels, version)})

    def _versions_by_label(self, name: str) -> dict[str, str]:
        return dict((self._labels.get(name) or {"labels": {}})["labels"])

    @answers("environments.list", "GET", f"{ENV}/environments")
    def _list(self) -> dict[str, Any]:
        newest = {each["name"]: each["environment"] for each in curated()}
        newest |= {each["name"]: each["environment"] for each in self._documents.all()}
        return json_list(list(newest.values()))

    def _find(self, name: str, version: str | None) -> dict[str, Any]:
        fits = [each for each in self._versions(name) if version in {None, each["version"]}]
        if not fits:
            check_stand_in(name)
            message = f"There is no environment {name}:{version or _LATEST}."
            raise RefusalError(404, "EnvironmentNotFound", message)
        return fits[-1]

    def _versions(self, name: str) -> list[dict[str, Any]]:
        """Return the versions of an environment in the order of their registration."""
        every = (*curated(), *self._documents.all())  # a name is in one of them
        return [each for each in every if each["name"] == name]


def _split(reference: str) -> tuple[str, str | None]:
    """Return the name and version in ``name`` or ``name/versions/version``."""
    name, marker, version = reference.rstrip("/").rpartition("/versions/")
    return (name, version) if marker else (reference.rstrip("/"), None)
