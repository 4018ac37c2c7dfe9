"""Errors in the shape of Azure Storage."""

from __future__ import annotations

from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from modelship.testing.offline.json_exchange import RefusalError

__all__ = ["NO_SHARES", "StorageRefusalError", "foreign_account"]

NO_SHARES = (
    "An offline workspace keeps nothing in file shares: use the blob container of "
    "Workspace.get_default_datastore()."
)
"""The message about a file share in the workspace's own storage account."""

_FOREIGN = (
    "{account} is another storage account than this workspace's, and a sealed offline workspace "
    "connects to no other. Start it without --sealed, or copy the data to the default datastore."
)


class StorageRefusalError(RefusalError):
    """An error of the storage services, with an XML body and its code in a header field."""

    def response(self) -> Response:
        text = f"<Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
        return Response(
            f'<?xml version="1.0" encoding="utf-8"?><Error>{text}</Error>',
            status=self.status,
            mimetype="application/xml",
            headers={"x-ms-error-code": self.code},
        )


def foreign_account(account: str) -> StorageRefusalError:
    """Return the refusal of an account, by name or host, that a sealed workspace lacks."""
    return StorageRefusalError(403, "ForeignAccount", _FOREIGN.format(account=account))
