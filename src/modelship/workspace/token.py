"""Bearer tokens for an offline workspace, signed by nobody."""

from __future__ import annotations

import base64
import json
import time

__all__ = ["unsigned_token"]


def unsigned_token(tenant_id: str, *, lifetime_s: int) -> str:
    """Return a bearer token as the SDK reads it: an unsecured JSON Web Token.

    RFC 7519, section 6, describes such tokens; the SDK looks at the claims ``tid`` and ``exp``.

    Parameters
    ----------
    tenant_id : str
        Whose token it is.
    lifetime_s : int
        Seconds from now until it expires.
    """
    claims = {"tid": tenant_id, "exp": int(time.time()) + lifetime_s}
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."


def _segment(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
