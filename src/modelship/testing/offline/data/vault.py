"""The key vault of a workspace: secrets by name, in files that only their owner can read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelship.testing.offline.control import WS
from modelship.testing.offline.json_exchange import RefusalError, json_list, optional
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers

if TYPE_CHECKING:
    from modelship.testing.offline.offline_context import Context

__all__ = ["Vault"]

_PATH = f"/credential/v2.0{WS}/secrets"
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_SECRET = {"name": str, "value": str, "contentType": optional(str)}


class Vault(Part):
    """Stores secrets. No secret is in a log or in an error."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("secrets")

    @answers("secrets.list", "GET", _PATH)
    def _list(self) -> dict[str, Any]:
        return json_list([{"name": each["name"]} for each in self._documents.all()])

    @answers("secrets.create", "PUT", _PATH, shape=_SECRET)
    def _put(self, body: dict[str, Any]) -> None:
        self._keep([body])

    @answers("secrets.create-batch", "PUT", f"{_PATH}:putbatch", shape={"secrets": [_SECRET]})
    def _put_batch(self, body: dict[str, Any]) -> None:
        self._keep(body.get("secrets") or [])

    def _keep(self, wanted: list[dict[str, Any]]) -> None:
        for secret in wanted:
            _check_name(secret["name"])
        for secret in wanted:
            kept = {name: secret.get(name) for name in _SECRET}
            self._documents.put(secret["name"].lower(), kept | {"createdTime": moment()})

    @answers("secrets.get-batch", "POST", f"{_PATH}:getbatch", shape={"secrets": [{"name": str}]})
    def _get_batch(self, body: dict[str, Any]) -> dict[str, Any]:
        names = [each["name"] for each in body.get("secrets") or []]
        found = {name: self._documents.get(name.lower()) for name in names}
        there = [{**secret, "name": name} for name, secret in found.items() if secret]
        absent = [name for name, secret in found.items() if not secret]
        return {"secrets": there, "notFoundSecrets": absent}

    @answers("secrets.get", "GET", f"{_PATH}/<name>")
    def _get(self, name: str) -> dict[str, Any]:
        message = f"A secret with the name {name} was not found in this key vault."
        return self._documents.require(name.lower(), "SecretNotFound", message)

    @answers("secrets.delete", "DELETE", f"{_PATH}/<name>")
    def _delete(self, name: str) -> None:
        self._get(name)
        self._documents.delete(name.lower())


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        message = f"The name of a secret has 1 to 127 letters, digits and dashes, not {name!r}."
        raise RefusalError(400, "BadParameter", message)
