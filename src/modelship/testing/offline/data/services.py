"""The services around data, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.testing.offline.data.account import StorageAccount
from modelship.testing.offline.data.containers import Containers
from modelship.testing.offline.data.datasets import Datasets
from modelship.testing.offline.data.datastores import Datastores
from modelship.testing.offline.data.vault import Vault

if TYPE_CHECKING:
    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.identity import Identity
    from modelship.testing.offline.offline_app import Call

__all__ = ["Data"]


class Data:
    """The storage account of a workspace, its datastores and datasets, and its key vault.

    Parameters
    ----------
    identity : Identity
        Of the workspace, with the ports that it is served at.
    store : Store
        Keeps all of it.
    sealed : bool
        Whether other storage accounts are out of reach.
    """

    def __init__(self, identity: Identity, *, store: Store, sealed: bool) -> None:
        datastores = Datastores(
            store,
            account=StorageAccount.of(identity),
            workspace_id=identity.workspace_id,
            https_port=identity.ports["https"],
            sealed=sealed,
        )
        self._parts = (Containers(store), datastores, Datasets(store), Vault(store))

    def calls(self) -> list[Call]:
        """Return what they answer."""
        return [call for part in self._parts for call in part.calls()]
