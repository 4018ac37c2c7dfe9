"""The files by which clients of the same user find the way in to an offline workspace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelship.workspace.access import Access
from modelship.workspace.private import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.testing.offline.identity import Identity

__all__ = ["write_entrance"]

_ACCESS = "access.json"
_CONFIG = "config.json"


def write_entrance(folder: Path, identity: Identity, *, endpoint: str, bundle: Path) -> Access:
    """Write ``access.json``, which holds a key, and ``config.json``, which tells where that is.

    Parameters
    ----------
    folder : Path
        That of the workspace.
    identity : Identity
        Its names, and the secret that the key is derived from.
    endpoint : str
        Where it is served.
    bundle : Path
        The certificates to trust.
    """
    access = Access(
        endpoint=endpoint,
        ca_bundle=str(bundle),
        tenant_id=identity.tenant_id,
        workspace_id=identity.workspace_id,
        key=identity.key_for("tokens"),
    )
    access.write(folder / _ACCESS)
    config = {
        "subscription_id": identity.subscription_id,
        "resource_group": identity.resource_group,
        "workspace_name": identity.workspace_name,
        "offline": str(folder / _ACCESS),
    }
    write_private(folder / _CONFIG, json.dumps(config, indent=2))
    return access
