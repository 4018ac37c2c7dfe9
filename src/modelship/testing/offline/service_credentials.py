"""The credentials of a service or an endpoint: its keys, or tokens, as on Kubernetes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import jwt

from modelship.testing.offline.control import MMS
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.service_documents import OWN, new_key
from modelship.testing.offline.service_requests import bad, checked_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from modelship.testing.offline.document_store import Documents
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.service_rollouts import Rollouts

__all__ = ["Credentials", "ServiceTokens"]

_ONE: Final = f"{MMS}/services/<name>"
_ALGORITHM: Final = "HS256"
_LIFETIME_S: Final = 12 * 3600
_REFRESH_AFTER_S: Final = 8 * 3600


class ServiceTokens:
    """Issues and verifies tokens: JSON Web Tokens (RFC 7519), each for one service.

    Parameters
    ----------
    key : str
        The key to sign them with.
    """

    def __init__(self, *, key: str) -> None:
        self._key = key

    def issue(self, name: str) -> dict[str, Any]:
        """Return a new token for a service, in the SDK's format; its times are in Unix seconds."""
        now = int(time.time())
        claims = {"aud": name, "iat": now, "exp": now + _LIFETIME_S}
        return {
            "accessToken": str(jwt.encode(claims, self._key, algorithm=_ALGORITHM)),
            "tokenType": "Bearer",
            "refreshAfter": now + _REFRESH_AFTER_S,
            "expiryOn": claims["exp"],
        }

    def of(self, name: str) -> Callable[[bytes], bool]:
        """Return a function that checks whether a token is for this service, and valid now."""

        def is_valid(token: bytes) -> bool:
            options = {"require": ["aud", "exp"]}
            try:
                jwt.decode(
                    token, self._key, algorithms=[_ALGORITHM], audience=name, options=options
                )
            except (jwt.InvalidTokenError, ValueError, RecursionError):
                return False
            return True

        return is_valid


class Credentials(Part):
    """Answers the calls for the keys and tokens of services and endpoints.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    rollouts : Rollouts
        Has the lock of each service.
    """

    def __init__(self, context: Context, rollouts: Rollouts) -> None:
        super().__init__(context)
        self._services = context.store.documents("services")
        self._endpoints = context.store.documents("endpoints")
        self._tokens = context.tokens
        self._rollouts = rollouts

    @answers("services.keys", "POST", f"{_ONE}/listkeys")
    def _keys(self, name: str) -> Any:
        _, document = self._require(name)
        return document[OWN]["keys"]

    @answers("services.regenerate", "POST", f"{_ONE}/regenerateKeys")
    def _regenerate(self, request: Request, body: dict[str, Any], name: str) -> Response:
        fields = {"Primary": "primaryKey", "Secondary": "secondaryKey"}
        field = fields.get(str(body.get("keyType")))
        if field is None:
            raise bad("keyType must be Primary or Secondary.")
        with self._rollouts.changing(name):
            documents, document = self._require(name)
            own = document[OWN]
            own["keys"][field] = checked_key(body.get("keyValue")) or new_key()
            documents.change(name, **{OWN: own})
            return self._rollouts.done(request, name)

    @answers("services.token", "POST", f"{_ONE}/token")
    def _token(self, name: str) -> dict[str, Any]:
        _, document = self._require(name)
        if not document.get("aadAuthEnabled"):
            raise bad(f"{name} does not accept tokens; update it with token_auth_enabled=True.")
        return self._tokens.issue(name)

    def _require(self, name: str) -> tuple[Documents, dict[str, Any]]:
        for documents in (self._services, self._endpoints):
            document = documents.get(name)
            if document is not None:
                return documents, document
        raise RefusalError(404, "ServiceNotFound", f"Service with name {name} not found.")
