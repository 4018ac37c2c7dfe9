"""The storage account of an offline workspace: the signatures of requests, and errors.

The scheme is Azure's Shared Key:
https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from modelship.testing.offline.json_exchange import RefusalError

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from modelship.testing.offline.identity import Identity

__all__ = [
    "FIELDS",
    "NO_SHARES",
    "StorageAccount",
    "StorageRefusalError",
    "foreign_account",
    "x_ms_fields",
]

FIELDS = "modelship.fields"
"""The key in the WSGI environment of the header fields with an underscore in their names.

WSGI leaves them out; a blob's metadata may have one.
"""

NO_SHARES = (
    "An offline workspace has no file shares: use the blob container of "
    "Workspace.get_default_datastore()."
)
"""The message about a file share in the workspace's own storage account."""

_FOREIGN = (
    "{account} is not the storage account of this workspace, and a sealed offline workspace "
    "connects to no other. Start it without --sealed, or copy the data to the default datastore."
)

_SIGNED_FIELDS = (
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range",
)
_MOST_AGE = timedelta(minutes=15)


@dataclass(frozen=True)
class StorageAccount:
    """The only storage account of an offline workspace.

    Parameters
    ----------
    name : str
        The name, the first label of its host names.
    key : str
        The key that signs requests; base64.
    """

    name: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, identity: Identity) -> StorageAccount:
        """Return that of a workspace: the same each time its folder is opened."""
        key = base64.b64encode(bytes.fromhex(identity.key_for("storage account"))).decode()
        return cls(identity.storage_account, key)

    def has_signed(self, request: Request) -> bool:
        """Return whether a request is signed with the account's key, in the last minutes."""
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        account, _, signature = credential.partition(":")
        if scheme.lower() != "sharedkey" or account != self.name or not _is_recent(request):
            return False
        return hmac.compare_digest(signature.encode(), self._signature(request).encode())

    def _signature(self, request: Request) -> str:
        fields = [request.headers.get(name, "") for name in _SIGNED_FIELDS]
        fields = [
            "" if name == "Content-Length" and text == "0" else text
            for name, text in zip(_SIGNED_FIELDS, fields, strict=True)
        ]
        own = sorted(
            f"{name}:{' '.join(value.split())}" for name, value in x_ms_fields(request).items()
        )
        text = "\n".join([request.method, *fields, *own, self._resource(request)])
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def _resource(self, request: Request) -> str:
        """Return the resource of the request: account, path as it was sent, parameters."""
        target = urlsplit(request.environ.get("REQUEST_URI", ""))
        parameters: dict[str, list[str]] = {}
        for name, value in parse_qsl(target.query, keep_blank_values=True):
            parameters.setdefault(name.lower(), []).append(value)
        lines = [f"{name}:{','.join(sorted(parameters[name]))}" for name in sorted(parameters)]
        return "\n".join([f"/{self.name}{target.path}", *lines])


def x_ms_fields(request: Request) -> dict[str, str]:
    """Return the header fields of Azure's own, by lowercase name."""
    known = {name.lower(): value for name, value in request.headers}
    found = known | request.environ.get(FIELDS, {})
    return {name: value for name, value in found.items() if name.startswith("x-ms-")}


def _is_recent(request: Request) -> bool:
    try:
        sent = parsedate_to_datetime(request.headers.get("x-ms-date", ""))
        return abs(datetime.now(timezone.utc) - sent) < _MOST_AGE
    except (TypeError, ValueError):  # no date, or one without a time zone
        return False


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
