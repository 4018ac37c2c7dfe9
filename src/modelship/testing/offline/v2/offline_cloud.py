"""An offline workspace as a cloud of its own, as Azure ML's SDK v2 finds it directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.testing.offline.identity import Identity

__all__ = ["arm_metadata", "cloud_metadata", "cloud_name", "storage_suffix"]


def storage_suffix(identity: Identity) -> str:
    """Return what clients append to ``https://<account>.blob.`` to reach the workspace directly.

    The labels before the ``@`` become user information, which no server reads.
    """
    return f"offline@127.0.0.1:{identity.ports['https']}"


def cloud_metadata(identity: Identity) -> dict[str, str]:
    """Return the addresses of a workspace as those of a cloud, all over TLS."""
    manager = f"https://127.0.0.1:{identity.ports['https']}/"
    return {
        "azure_portal": "https://portal.azure.com/",
        "resource_manager": manager,
        "active_directory": manager,
        "aml_resource_id": "https://ml.azure.com/",
        "storage_endpoint": storage_suffix(identity),
        "registry_discovery_endpoint": manager,
    }


def cloud_name(identity: Identity) -> str:
    """Return the name of the cloud; the SDK never replaces the addresses that it has for one."""
    return f"Offline-{identity.workspace_id}-{identity.ports['https']}"


def arm_metadata(identity: Identity, public: Mapping[str, Any]) -> dict[str, Any]:
    """Return the addresses in the resource manager's format, based on those of Azure's cloud."""
    found = cloud_metadata(identity)
    return {
        **public,
        "name": cloud_name(identity),
        "resourceManager": found["resource_manager"],
        "authentication": {
            **public["authentication"],
            "loginEndpoint": found["active_directory"],
        },
        "suffixes": {**public["suffixes"], "storage": found["storage_endpoint"]},
    }
