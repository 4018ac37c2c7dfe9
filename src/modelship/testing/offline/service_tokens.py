"""The tokens of services that take tokens in place of keys, as services on Kubernetes may."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ServiceTokens"]

_ALGORITHM: Final = "HS256"
_LIFETIME_S: Final = 12 * 3600
_REFRESH_AFTER_S: Final = 8 * 3600


class ServiceTokens:
    """Issues tokens, and recognizes them: JSON Web Tokens (RFC 7519), each for one service.

    Parameters
    ----------
    key : str
        What they are signed with.
    """

    def __init__(self, *, key: str) -> None:
        self._key = key

    def issue(self, name: str) -> dict[str, Any]:
        """Return a new token for a service, as the SDK reads it; its times are seconds of Unix."""
        now = int(time.time())
        claims = {"aud": name, "iat": now, "exp": now + _LIFETIME_S}
        return {
            "accessToken": str(jwt.encode(claims, self._key, algorithm=_ALGORITHM)),
            "tokenType": "Bearer",
            "refreshAfter": now + _REFRESH_AFTER_S,
            "expiryOn": claims["exp"],
        }

    def of(self, name: str) -> Callable[[bytes], bool]:
        """Return a function: whether a token is one for this service, and valid now."""

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
