"""The stored document of a web service, and the part that a client sees."""

from __future__ import annotations

import os
import secrets
import string
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.state import State
from modelship.testing.offline.json_exchange import filled
from modelship.testing.offline.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.testing.offline.document_store import Store

__all__ = [
    "MANAGED",
    "OWN",
    "allowed_origins",
    "base_document",
    "begun",
    "completed",
    "fits",
    "has_all",
    "is_on_kubernetes",
    "key_of",
    "limits",
    "model_ids",
    "new_key",
    "replicas",
    "resumed",
    "shown",
    "what_runs",
    "workers",
]

OWN: Final = "_offline"
"""The field that no client sees: keys, port, operation, and the record of the container."""

MANAGED: Final = "MANAGED"
"""The compute type of the deployments of managed online endpoints."""

_BEFORE: Final = "before"
_KEY_LETTERS: Final = string.ascii_letters + string.digits
_KEY_LENGTH: Final = 32


def base_document(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the documents of all services share, for a requested service."""
    now, given = moment(), wanted.get("keys") or {}
    keys = {field: given.get(field) or new_key() for field in ("primaryKey", "secondaryKey")}
    return {
        **filled(wanted, {"kvTags": {}, "properties": {}, "description": ""}),
        **{flag: bool(wanted.get(flag)) for flag in ("authEnabled", "appInsightsEnabled")},
        **dict.fromkeys(("error", "scoringUri")),
        "id": wanted["name"],
        "name": wanted["name"],
        "createdTime": now,
        "updatedTime": now,
        "state": str(State.TRANSITIONING),
        "environmentImageRequest": wanted.get("environmentImageRequest"),
        OWN: {"keys": keys, "port": None, "operation": ""},
    }


def key_of(document: Mapping[str, Any]) -> str:
    """Return the key of a service's document: its name, prefixed with its endpoint's if it has one.

    No name contains a dot, so the keys of versions differ from the names of services.
    """
    endpoint = document[OWN].get("endpoint")
    return f"{endpoint}.{document['name']}" if endpoint else str(document["name"])


def is_on_kubernetes(document: Mapping[str, Any]) -> bool:
    """Return whether a service is on a Kubernetes cluster."""
    return bool(document["computeType"] not in {"ACI", MANAGED})


def new_key() -> str:
    """Return a new key in Azure's format."""
    return "".join(secrets.choice(_KEY_LETTERS) for _ in range(_KEY_LENGTH))


def model_ids(document: Mapping[str, Any]) -> list[str]:
    """Return ``name:version`` of each model of a service, or of a request for one."""
    return list((document.get("environmentImageRequest") or {}).get("modelIds") or ())


def replicas(document: Mapping[str, Any]) -> int:
    """Return the number of replicas of a service, or the initial number if it is scaled."""
    autoscaler = document.get("autoScaler") or {}
    count = autoscaler["minReplicas"] if autoscaler.get("autoscaleEnabled") else None
    return int(count or document.get("numReplicas") or 1)


def workers(document: Mapping[str, Any]) -> int:
    """Return the number of processes that stand for the replicas: at most one per core."""
    return min(replicas(document), os.cpu_count() or 1)


def limits(document: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return how many cores and GB a service may use, over all replicas; None means no limit.

    On Container Instances it may use what it requests. Kubernetes only reserves that.
    """
    asked = document["containerResourceRequirements"]
    if "cpuLimit" not in asked:
        return asked["cpu"], asked["memoryInGB"]
    count = replicas(document)
    of_one = (asked["cpuLimit"], asked["memoryInGBLimit"])
    cores, memory_gb = (each and each * count for each in of_one)
    return cores, memory_gb


def what_runs(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the part of a document that a container depends on; a change needs a new one."""
    fields = ("environmentImageRequest", "containerResourceRequirements", "appInsightsEnabled")
    return (*(document[field] for field in fields), replicas(document))


def allowed_origins(document: Mapping[str, Any]) -> list[str]:
    """Return the web pages that may call a service without keys, from its variables."""
    environment = (document.get("environmentImageRequest") or {}).get("environment") or {}
    listed = (environment.get("environmentVariables") or {}).get("AML_CORS_ORIGINS") or ""
    return [each.strip() for each in str(listed).split(",") if each.strip()]


def shown(document: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Return the part of a service that a client sees, with its models from the store."""
    seen = {field: value for field, value in document.items() if field != OWN}
    models = map(store.documents("models").get, model_ids(document))
    return {**seen, "models": [_shown_model(each) for each in models if each]}


def fits(document: Mapping[str, Any], wanted: Any, *, models: Iterable[str]) -> bool:
    """Return whether a service, which has these models, matches a query."""
    models = list(models)
    images = ("imageId", "imageName", "imageDigest")  # no service here has an image of that kind
    return (
        wanted.get("computeType", document["computeType"]).upper() == document["computeType"]
        and wanted.get("modelId") in {None, *models}
        and wanted.get("modelName") in {None, *(each.rpartition(":")[0] for each in models)}
        and has_all(document["kvTags"], wanted.get("tags", ""))
        and has_all(document["properties"], wanted.get("properties", ""))
        and not any(wanted.get(each) for each in images)
    )


def begun(new: Mapping[str, Any], *, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the document of a service of which another container is about to start.

    Parameters
    ----------
    new : Mapping[str, Any]
        The new document of the service.
    before : Mapping[str, Any], optional
        The current one; if it is running, it is kept aside until the new container runs or has
        failed.
    """
    runs = before is not None and before["state"] == State.HEALTHY
    aside = {_BEFORE: before} if runs else {}
    started = {"state": str(State.TRANSITIONING), "error": None, OWN: {**new[OWN], **aside}}
    return {**new, **started}


def completed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the workspace's internal fields of a service, with nothing kept aside."""
    return {field: value for field, value in document[OWN].items() if field != _BEFORE}


def resumed(document: Mapping[str, Any], error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a service when the workspace is opened again.

    After an interrupted update, the previous service runs; after an interrupted deployment, the
    service is failed.
    """
    if document["state"] != State.TRANSITIONING:
        return dict(document)
    before = document[OWN].get(_BEFORE)
    return dict(before or {**document, "state": str(State.FAILED), "error": dict(error)})


def has_all(entries: Mapping[str, str] | None, wanted: str) -> bool:
    """Return whether all of ``key,key=value,…`` are present."""
    entries = entries or {}
    pairs = [each.partition("=") for each in wanted.split(",") if each]
    return all(
        key in entries and (not sign or str(entries[key]) == value) for key, sign, value in pairs
    )


def _shown_model(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model with all fields that the SDK reads of a service's model."""
    fields = (
        *("createdBy", "description", "mimeType", "framework", "frameworkVersion", "unpack"),
        *("experimentName", "runId", "parentModelId"),
    )
    shown = {**dict.fromkeys(fields), **model, "tags": model.get("kvTags") or {}}
    if needed := model.get("resourceRequirements"):
        shown["resourceRequirements"] = {"gpu": None, **needed}
    return shown
