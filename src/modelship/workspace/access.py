"""Locate an offline workspace, and load the key that signs its bearer tokens.

A workspace writes the key to a file that only its owner can read; clients of the same user sign
their tokens themselves. So no secret is sent to another process that may have taken over the
address.
"""

from __future__ import annotations

import json
import shlex
import socket
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from modelship.workspace.private import read_private, write_private

__all__ = ["Access"]

_ALGORITHM = "HS256"
_CLAIMS = ("aud", "exp", "iss", "nbf", "tid")
_CLOCKS_DIFFER_S = 60
_DIAL_TIMEOUT_S = 10.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Access:
    """The address and the credentials of an offline workspace.

    Parameters
    ----------
    endpoint : str
        Its address on this machine, such as ``"http://127.0.0.1:8080"``.
    ca_bundle : str
        The path of the certificates to trust.
    tenant_id : str
        The tenant of the tokens; the SDK looks for it in them.
    workspace_id : str
        The only workspace that accepts them.
    key : str
        The signing key.
    """

    endpoint: str
    ca_bundle: str
    tenant_id: str
    workspace_id: str
    key: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Access:
        """Read the file that :meth:`write` wrote.

        Raises
        ------
        NotPrivateError
            If other users can read or change it.
        OSError, ValueError
            If it is unreadable or invalid.
        """
        found = json.loads(read_private(path))
        if not isinstance(found, dict) or found.keys() != set(cls.__dataclass_fields__):
            raise ValueError(f"{path} does not describe an offline workspace")
        access = cls(**{name: str(value) for name, value in found.items()})
        if urlsplit(access.endpoint).hostname not in _LOOPBACK:
            raise ValueError(f"{path} names {access.endpoint!r}, which is not on this machine")
        return access

    def write(self, path: Path) -> None:
        """Write the access to a file that only this user can read."""
        write_private(path, json.dumps(asdict(self), indent=2))

    @property
    def remedy(self) -> str:
        """The advice if the workspace does not respond."""
        folder = shlex.quote(str(Path(self.ca_bundle).parent))
        return f"Start it, and try again: modelship azureml-offline --folder {folder}"

    def is_open(self) -> bool:
        """Return whether a process listens at its address."""
        url = urlsplit(self.endpoint)
        try:
            with socket.create_connection((url.hostname, url.port), timeout=_DIAL_TIMEOUT_S):
                return True
        except OSError:
            return False

    def token(self, *, lifetime_s: int) -> str:
        """Return a bearer token: a JSON Web Token (RFC 7519) with an HMAC by SHA-256.

        Parameters
        ----------
        lifetime_s : int
            The seconds until it expires.
        """
        import jwt

        now = int(time.time())
        times = {"iat": now, "nbf": now - _CLOCKS_DIFFER_S, "exp": now + lifetime_s}
        claims = {"aud": self._audience, "iss": self._issuer, "tid": self.tenant_id, **times}
        return str(jwt.encode(claims, self.key, algorithm=_ALGORITHM))

    def check(self, token: str) -> None:
        """Check that a token is signed by :meth:`token`, and is valid now.

        Raises
        ------
        jwt.InvalidTokenError
            ``jwt.ExpiredSignatureError`` if it has expired; another subclass if it has a different
            key or algorithm, lacks a claim, or has a different audience or issuer.
        """
        import jwt

        jwt.decode(
            token,
            self.key,
            algorithms=[_ALGORITHM],
            audience=self._audience,
            issuer=self._issuer,
            options={"require": list(_CLAIMS)},
        )

    @property
    def _issuer(self) -> str:
        return f"https://sts.windows.net/{self.tenant_id}/"

    @property
    def _audience(self) -> str:
        return f"urn:modelship:offline:{self.workspace_id}"
