"""Give a client of SDK v2 the address of a container, with a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelship.testing.offline.control import storage_base

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context

__all__ = ["signed_reference"]


def signed_reference(
    context: Context, request: Request, container: str, *, permissions: str
) -> dict[str, Any]:
    """Return the address at which the sender of a request can use a container.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    request : Request
        The request.
    container : str
        The name of the container.
    permissions : str
        What the client can do there, in the letters of Azure's signatures, such as ``"rl"``.
    """
    address = f"{storage_base(request, context.identity)}/{quote(container)}"
    query = context.guard.signed_container(container, permissions=permissions)
    return {
        "blobReferenceForConsumption": {
            "blobUri": address,
            "storageAccountArmId": None,
            "credential": {"credentialType": "SAS", "sasUri": f"{address}?{query}"},
        }
    }
