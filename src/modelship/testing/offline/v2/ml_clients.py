"""Connect azure-ai-ml to an offline workspace without any setting in the environment.

Its workspace is a cloud of its own: the client gets the addresses of a cloud by that name. The SDK
keeps clouds in a table for the process, and the name of the current one in a variable.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.testing.offline.identity import Identity
    from modelship.workspace.access import Access

__all__ = ["cloud_metadata", "current_cloud", "ml_client", "storage_suffix"]

_VARIABLE: Final = "AZUREML_CURRENT_CLOUD"
_LIFETIME_S: Final = 3600


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


def ml_client(identity: Identity, access: Access, **options: Any) -> Any:
    """Return an ``MLClient`` that is connected to a workspace, within :func:`current_cloud`.

    Raises
    ------
    MissingExtraError
        If azure-ai-ml is not installed.
    """
    try:
        from azure.ai.ml import MLClient
    except ImportError as error:
        purpose = "A client of Azure ML's SDK v2"
        raise MissingExtraError(purpose=purpose, extra="azure-v2") from error
    return MLClient(
        _Credential(access),
        identity.subscription_id,
        identity.resource_group,
        identity.workspace_name,
        cloud=_name(identity),
        cloud_metadata=cloud_metadata(identity),
        **{"enable_telemetry": False, "retry_total": 1, **options},
    )


@contextmanager
def current_cloud(identity: Identity) -> Iterator[None]:
    """Make a workspace the current cloud of the SDK within the body, and restore the one before."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = _name(identity)
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
        if before is not None:
            os.environ[_VARIABLE] = before


def _name(identity: Identity) -> str:
    """Return the name of the cloud; the SDK never replaces the addresses that it has for one."""
    return f"Offline-{identity.workspace_id}-{identity.ports['https']}"


class _Credential:
    """A credential of azure-core: signs tokens with the workspace's key, for any scope."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        from azure.core.credentials import AccessToken

        token = self._access.token(lifetime_s=_LIFETIME_S)
        return AccessToken(token, int(time.time()) + _LIFETIME_S)
