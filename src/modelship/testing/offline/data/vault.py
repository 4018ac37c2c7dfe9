"""The key vault of a workspace: secrets by name, in files that only their owner can read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import (
    RefusalError,
    json_list,
    json_object,
    json_response,
)
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Call
from modelship.testing.offline.shapes import optional

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Store

__all__ = ["Vault"]

_PATH = f"/credential/v2.0{WS}/secrets"
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_SECRET = {"name": str, "value": str, "contentType": optional(str)}


class Vault:
    """Stores secrets. No secret is in a log or in an error.

    Parameters
    ----------
    store : Store
        Where they are stored.
    """

    def __init__(self, store: Store) -> None:
        self._documents = store.documents("secrets")

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        return [
            Call("secrets.list", "GET", _PATH, self._list),
            Call("secrets.create", "PUT", _PATH, self._put),
            Call("secrets.create-batch", "PUT", f"{_PATH}:putbatch", self._put_batch),
            Call("secrets.get-batch", "POST", f"{_PATH}:getbatch", self._get_batch),
            Call("secrets.get", "GET", f"{_PATH}/<name>", self._get),
            Call("secrets.delete", "DELETE", f"{_PATH}/<name>", self._delete),
        ]

    def _list(self, _request: Request, **_scope: str) -> Response:
        return json_list([{"name": each["name"]} for each in self._documents.all()])

    def _put(self, request: Request, **_scope: str) -> Response:
        self._keep([json_object(request, _SECRET)])
        return json_response({})

    def _put_batch(self, request: Request, **_scope: str) -> Response:
        self._keep(json_object(request, {"secrets": [_SECRET]}).get("secrets") or [])
        return json_response({})

    def _keep(self, wanted: list[dict[str, Any]]) -> None:
        for secret in wanted:
            _check_name(secret["name"])
        for secret in wanted:
            kept = {name: secret.get(name) for name in _SECRET}
            self._documents.put(secret["name"].lower(), kept | {"createdTime": moment()})

    def _get_batch(self, request: Request, **_scope: str) -> Response:
        wanted = json_object(request, {"secrets": [{"name": str}]}).get("secrets") or []
        names = [each["name"] for each in wanted]
        found = {name: self._documents.get(name.lower()) for name in names}
        there = [{**secret, "name": name} for name, secret in found.items() if secret]
        absent = [name for name, secret in found.items() if not secret]
        return json_response({"secrets": there, "notFoundSecrets": absent})

    def _get(self, _request: Request, *, name: str, **_scope: str) -> Response:
        return json_response(self._find(name))

    def _delete(self, _request: Request, *, name: str, **_scope: str) -> Response:
        self._find(name)
        self._documents.delete(name.lower())
        return json_response({})

    def _find(self, name: str) -> dict[str, Any]:
        message = f"A secret with the name {name} was not found in this key vault."
        return self._documents.require(name.lower(), "SecretNotFound", message)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        message = f"The name of a secret has 1 to 127 letters, digits and dashes, not {name!r}."
        raise RefusalError(400, "BadParameter", message)
