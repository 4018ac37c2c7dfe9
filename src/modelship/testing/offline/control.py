"""The services around a workspace's contents: the resource manager and discovery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.identity import Identity

__all__ = ["ART", "ENV", "MMS", "PUBLIC_CLOUD", "WS", "Control", "is_direct"]

_WORKSPACES = "providers/Microsoft.MachineLearningServices/workspaces"
_GROUP = "/subscriptions/<subscription>/resourceGroups/<group>"

WS = f"{_GROUP}/{_WORKSPACES}/<workspace>"
"""The path of a workspace in Azure's resource manager, as a rule of werkzeug's routing."""

MMS = f"/modelmanagement/v1.0{WS}"
"""The prefix of calls of the model management service: models, assets, services, operations."""

ART = f"/artifact/v2.0{WS}/artifacts"
"""The prefix of calls of the artifact service."""

ENV = f"/environment/v1.0{WS}"
"""The prefix of calls of the environment service."""

PUBLIC_CLOUD: dict[str, Any] = json.loads(
    Path(__file__).with_name("public_cloud.json").read_text(encoding="utf-8")
)
"""The fields read from https://management.azure.com/metadata/endpoints, and names of regions."""


def is_direct(request: Request) -> bool:
    """Return whether a client connected to 127.0.0.1, not to Azure's hosts through a proxy."""
    return request.host.split(":")[0] in {"127.0.0.1", "localhost"}


def service_base(request: Request, identity: Identity, domain: str) -> str:
    """Return the base URL of the workspace's services: a domain of Azure, or 127.0.0.1."""
    if is_direct(request):
        return request.host_url.rstrip("/")
    return f"https://{identity.location}.{domain}"


class Control(Part):
    """Answers which cloud this is, and where the services of the workspace are."""

    @staticmethod
    @answers("metadata.get", "GET", "/metadata/endpoints", door=Door.OPEN)
    def _metadata(request: Request) -> list[dict[str, Any]]:
        cloud = dict(PUBLIC_CLOUD["endpoints"])
        if is_direct(request):
            login = cloud["authentication"] | {"loginEndpoint": request.host_url}
            cloud |= {"resourceManager": request.host_url, "authentication": login}
        return [cloud]

    @answers("discovery.get", "GET", "/discovery/workspaces/<workspace_id>", door=Door.OPEN)
    def _discover(self, request: Request, workspace_id: str) -> dict[str, str]:
        if workspace_id != self._identity.workspace_id:
            message = f"There is no workspace with the id {workspace_id}."
            raise RefusalError(404, "WorkspaceNotFound", message)
        api = service_base(request, self._identity, "api.azureml.ms")
        keys = ("api", "history", "experimentation", "hyperdrive", "pipelines", "notebooks")
        services = dict.fromkeys(keys, api)
        management = "modelmanagement.azureml.net"
        services["modelmanagement"] = service_base(request, self._identity, management)
        services["studio"] = api if is_direct(request) else "https://ml.azure.com"
        return services
