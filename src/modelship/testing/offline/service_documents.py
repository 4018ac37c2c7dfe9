"""What is kept of a web service, and what a client sees of it."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.state import State
from modelship.testing.offline.moments import moment
from modelship.testing.offline.service_requests import resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["OWN", "allowed_origins", "fits", "model_ids", "new_document", "new_key", "shown"]

OWN: Final = "_offline"
"""The field that no client sees: keys, port, operation, and the record of the container."""

_KEY_LETTERS: Final = string.ascii_letters + string.digits
_KEY_LENGTH: Final = 32


def new_document(wanted: Mapping[str, Any], *, location: str, port: int | None) -> dict[str, Any]:
    """Return the document of a service that is about to be deployed.

    Parameters
    ----------
    wanted : Mapping[str, Any]
        The request for it.
    location : str
        The Azure region, where the request names none.
    port : int or None
        Where its front is to listen, if that is free.
    """
    defaults = {"kvTags": {}, "properties": {}, "description": "", "location": location}
    as_given = (
        *("name", "cname", "dnsNameLabel", "sslCertificate", "sslKey"),
        *("encryptionProperties", "vnetConfiguration", "dataCollection"),
        "environmentImageRequest",
    )
    flags = ("authEnabled", "sslEnabled", "appInsightsEnabled")
    unknown_yet = ("error", "publicIp", "publicFqdn", "scoringUri")
    now = moment()
    return {
        **{field: wanted.get(field) or default for field, default in defaults.items()},
        **{field: wanted.get(field) for field in as_given},
        **{flag: bool(wanted.get(flag)) for flag in flags},
        **dict.fromkeys(unknown_yet),
        "id": wanted["name"],
        "computeType": "ACI",
        "createdTime": now,
        "updatedTime": now,
        "state": str(State.TRANSITIONING),
        "containerResourceRequirements": resources(wanted),
        OWN: {"keys": _keys(wanted.get("keys") or {}), "port": port, "operation": ""},
    }


def new_key() -> str:
    """Return a key as Azure makes them."""
    return "".join(secrets.choice(_KEY_LETTERS) for _ in range(_KEY_LENGTH))


def model_ids(document: Mapping[str, Any]) -> list[str]:
    """Return ``name:version`` of each model that a service, or a request for one, has."""
    return list((document.get("environmentImageRequest") or {}).get("modelIds") or ())


def allowed_origins(document: Mapping[str, Any]) -> list[str]:
    """Return the web pages that may call a service without keys, as its variables say."""
    environment = document["environmentImageRequest"].get("environment") or {}
    listed = (environment.get("environmentVariables") or {}).get("AML_CORS_ORIGINS") or ""
    return [each.strip() for each in str(listed).split(",") if each.strip()]


def shown(
    document: Mapping[str, Any], models: Iterable[Mapping[str, Any] | None]
) -> dict[str, Any]:
    """Return what a client sees of a service; `models` are the documents of its models."""
    seen = {field: value for field, value in document.items() if field != OWN}
    return {**seen, "sslKey": None, "models": [_shown_model(each) for each in models if each]}


def fits(document: Mapping[str, Any], wanted: Any) -> bool:
    """Tell whether a service is one of those that a query asks for."""
    models = model_ids(document)
    images = ("imageId", "imageName", "imageDigest")  # no service here has an image of that kind
    return (
        wanted.get("computeType", "ACI").upper() == "ACI"
        and wanted.get("modelId") in {None, *models}
        and wanted.get("modelName") in {None, *(each.rpartition(":")[0] for each in models)}
        and _has(document["kvTags"], wanted.get("tags", ""))
        and _has(document["properties"], wanted.get("properties", ""))
        and not any(wanted.get(each) for each in images)
    )


def _has(entries: Mapping[str, str], wanted: str) -> bool:
    """Tell whether there are all of ``key,key=value,…``."""
    pairs = [each.partition("=") for each in wanted.split(",") if each]
    return all(
        key in entries and (not sign or str(entries[key]) == value) for key, sign, value in pairs
    )


def _keys(given: Mapping[str, Any]) -> dict[str, str]:
    return {field: given.get(field) or new_key() for field in ("primaryKey", "secondaryKey")}


def _shown_model(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model with all that the SDK reads of one that comes with a service."""
    fields = (
        *("createdBy", "description", "mimeType", "framework", "frameworkVersion", "unpack"),
        *("experimentName", "runId", "parentModelId"),
    )
    shown = {**dict.fromkeys(fields), **model, "tags": model.get("kvTags") or {}}
    if needed := model.get("resourceRequirements"):
        shown["resourceRequirements"] = {"gpu": None, **needed}
    return shown
