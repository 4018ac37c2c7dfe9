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
from modelship.testing.offline.v2.offline_cloud import cloud_metadata, cloud_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.testing.offline.identity import Identity
    from modelship.workspace.access import Access

__all__ = ["current_cloud", "ml_client"]

_NAME: Final = "AZUREML_CURRENT_CLOUD"
_ADDRESSES: Final = "ARM_CLOUD_METADATA_URL"
_LIFETIME_S: Final = 3600


def ml_client(
    identity: Identity, access: Access, *, registry_name: str | None = None, **options: Any
) -> Any:
    """Return an ``MLClient`` that is connected to a workspace, within :func:`current_cloud`.

    With `registry_name`, it is connected to a registry, and has no workspace.

    Raises
    ------
    MissingExtraError
        If azure-ai-ml is not installed.
    """
    return _imported()(
        _Credential(access),
        identity.subscription_id,
        identity.resource_group,
        None if registry_name else identity.workspace_name,
        registry_name=registry_name,
        cloud=cloud_name(identity),
        cloud_metadata=cloud_metadata(identity),
        **{"enable_telemetry": False, "retry_total": 1, **options},
    )


@contextmanager
def current_cloud(identity: Identity, *, endpoint: str) -> Iterator[None]:
    """Make a workspace the current cloud of the SDK within the body, and restore the one before.

    A program that is started within the body finds the cloud, too: without its addresses the SDK
    could not be imported there.

    Parameters
    ----------
    identity : Identity
        The workspace.
    endpoint : str
        Its URL.
    """
    wanted = {_NAME: cloud_name(identity), _ADDRESSES: f"{endpoint}/metadata/endpoints"}
    _imported()  # the SDK looks for the cloud while it is imported, and does not know this one
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


def _imported() -> Any:
    try:
        from azure.ai.ml import MLClient
    except ImportError as error:
        purpose = "A client of Azure ML's SDK v2"
        raise MissingExtraError.of_import(error, purpose=purpose, extra="azure-v2") from error
    return MLClient


class _Credential:
    """A credential of azure-core: signs tokens with the workspace's key, for any scope."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        from azure.core.credentials import AccessToken

        token = self._access.token(lifetime_s=_LIFETIME_S)
        return AccessToken(token, int(time.time()) + _LIFETIME_S)
