"""What clients see of batch endpoints, their deployments and their jobs, from what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.v2.online_documents import system_data

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "deployment_key",
    "shown_batch_deployment",
    "shown_batch_endpoint",
    "shown_job",
    "shown_short_job",
    "with_defaults",
]

_KIND: Final = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"
_JOBS: Final = "Microsoft.MachineLearningServices/workspaces/jobs"
_DEFAULTS: Final[dict[str, Any]] = {
    "outputAction": "AppendRow",
    "outputFileName": "predictions.csv",
    "miniBatchSize": 10,
    "maxConcurrencyPerInstance": 1,
    "errorThreshold": -1,
    "loggingLevel": "Info",
    "environmentVariables": {},
}
_RETRIES: Final = {"maxRetries": 3, "timeout": "PT30S"}
_RESOURCES: Final = {"instanceCount": 1}


def deployment_key(endpoint: str, name: str) -> str:
    """Return the key of the document of a deployment."""
    return f"{endpoint}.{name}"


def shown_batch_endpoint(
    document: Mapping[str, Any], *, workspace: str, scoring_uri: str
) -> dict[str, Any]:
    """Return what a client sees of an endpoint; `workspace` is the id of its workspace."""
    given = document["properties"]
    return {
        **_head(document, f"{workspace}/batchEndpoints/{document['name']}", _KIND),
        "properties": {
            "authMode": "AADToken",
            "description": "",
            **given,
            "properties": dict(given.get("properties") or {}),
            "defaults": given.get("defaults") or {"deploymentName": None},
            "scoringUri": scoring_uri,
            "swaggerUri": None,
            "provisioningState": "Succeeded",
        },
    }


def shown_batch_deployment(document: Mapping[str, Any], *, workspace: str) -> dict[str, Any]:
    """Return what a client sees of a deployment; `workspace` is the id of its workspace."""
    endpoint = f"{workspace}/batchEndpoints/{document['endpoint']}"
    return {
        **_head(document, f"{endpoint}/deployments/{document['name']}", f"{_KIND}/deployments"),
        "properties": {
            **with_defaults(document["properties"]),
            "provisioningState": "Succeeded",
        },
    }


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a deployment, with Azure's defaults for those left out."""
    named = {name: each for name, each in given.items() if each is not None}
    return {
        **_DEFAULTS,
        **named,
        "retrySettings": _filled(_RETRIES, named.get("retrySettings")),
        "resources": _filled(_RESOURCES, named.get("resources")),
        "properties": dict(named.get("properties") or {}),
    }


def shown_job(
    job: Mapping[str, Any], run: Mapping[str, Any], *, workspace: str, services: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a client sees of a job.

    Parameters
    ----------
    job : Mapping[str, Any]
        Its document.
    run : Mapping[str, Any]
        Its run.
    workspace : str
        The id of the workspace.
    services : Mapping[str, str]
        The addresses of its services, by name.
    """
    return {
        "id": f"{workspace}/jobs/{job['name']}",
        "name": job["name"],
        "type": _JOBS,
        "systemData": system_data(run["createdUtc"], run["createdUtc"]),
        "properties": {
            "jobType": "Pipeline",
            "status": run["status"],
            "experimentName": run["experimentName"],
            "displayName": run["displayName"],
            "description": run["description"],
            "tags": run["tags"],
            "properties": run["properties"],
            "computeId": job.get("compute"),
            "isArchived": False,
            "jobs": {},
            "settings": {},
            "inputs": {},
            "outputs": {},
            "services": {
                name: {"jobServiceType": name, "endpoint": address, "status": None}
                for name, address in services.items()
            },
        },
    }


def shown_short_job(
    job: Mapping[str, Any], run: Mapping[str, Any], *, workspace: str
) -> dict[str, Any]:
    """Return what the data plane of batch endpoints says of a job."""
    endpoint = f"{workspace}/batchEndpoints/{job['endpoint']}"
    return {
        "id": f"{endpoint}/jobs/{job['name']}",
        "name": job["name"],
        "type": f"{_KIND}/jobs",
        "properties": {"status": run["status"], "deploymentName": job["deployment"]},
    }


def _head(document: Mapping[str, Any], identifier: str, kind: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "name": document["name"],
        "type": kind,
        "location": document["location"],
        "tags": document["tags"],
        "systemData": system_data(document["created"], document["changed"]),
    }


def _filled(defaults: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    named = {name: each for name, each in (given or {}).items() if each is not None}
    return {**defaults, **named}
