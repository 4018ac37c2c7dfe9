"""Authenticate all requests to an offline workspace, in one place.

:class:`~modelship.testing.offline.offline_app.App` calls it for every request, before anything else
is checked. The :class:`Door` of a call says which credentials it accepts; without one it requires a
token.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import jwt

from modelship.testing.offline.data.account import StorageAccount, foreign_account
from modelship.testing.offline.faults import KEYS_REFUSED, KEYS_REFUSED_MESSAGE
from modelship.testing.offline.hosts import is_foreign_account, is_local, is_of_azure, sent_by_page
from modelship.testing.offline.json_exchange import RefusalError
from modelship.testing.offline.moments import is_past, moment
from modelship.testing.offline.resource_scope import check_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

    from modelship.testing.offline.identity import Identity
    from modelship.workspace.access import Access

__all__ = ["Door", "Guard", "by_token"]

_ADDRESS_LIFETIME_S = 24 * 3600.0
_PERMISSIONS = {"GET": "r", "HEAD": "r", "PUT": "w", "DELETE": "d"}
_OF_CONTAINER = "c"
_DELEGATOR = "skoid"  # of a user delegation SAS: who has signed it in place of the account's key
_VERSION = "2023-11-03"  # of the signature's format; clients pass it on


class Door(Enum):
    """The credentials that a call accepts."""

    TOKEN = "a bearer token that the workspace's key has signed"  # noqa: S105 - no password
    ADDRESS = "an address that the workspace has signed, for one path and until some time"
    REGISTRY = "the user name and password of the container registry"
    STORAGE = "a bearer token, the key of the storage account, or a signed address"
    OPEN = "nothing: clients call it before they have a token, and it reveals no secret"


class Guard:
    """Authenticates requests, and signs addresses.

    Parameters
    ----------
    access : Access
        Checks bearer tokens.
    identity : Identity
        The workspace, with its keys and its storage account.
    shared_keys : bool
        Whether the storage account permits its key, and addresses that the key has signed.
    """

    def __init__(self, access: Access, identity: Identity, *, shared_keys: bool = True) -> None:
        self._access = access
        self.shared_keys = shared_keys
        self._identity = identity
        self._account = StorageAccount.of(identity)
        self._address_key = identity.key_for("addresses").encode()
        self._registry_password = identity.key_for("registry")

    def check(self, request: Request, door: Door) -> None:
        """Check that a request is authorized.

        Raises
        ------
        RefusalError
            If it is not.
        """
        self.check_caller(request)
        if door is Door.TOKEN:
            self._check_token(request)
        elif door is Door.REGISTRY:
            self._check_password(request)
        elif door is Door.STORAGE:
            self._check_storage(request)
        elif door is Door.ADDRESS:
            self._check_address(request)

    def check_scope(self, values: Mapping[str, str]) -> None:
        """Check that a call is about this workspace.

        Parameters
        ----------
        values : Mapping[str, str]
            The ``subscription``, ``group`` and ``workspace`` in its path.

        Raises
        ------
        RefusalError
            If it is about another one.
        """
        check_scope(self._identity, values["subscription"], values["group"], values["workspace"])

    def check_caller(self, request: Request) -> None:
        """Refuse a request that a web page causes a browser to send, whatever its path is.

        Raises
        ------
        RefusalError
            If a request comes from a web page.
        """
        host = request.headers.get("Host", "")
        if not (is_local(host) or is_of_azure(host)):
            raise RefusalError(403, "ForbiddenHost", "The request is for another host.")
        if sent_by_page(request.method, {name.lower(): each for name, each in request.headers}):
            raise RefusalError(403, "ForbiddenOrigin", "Requests from web pages are refused.")
        name = host.partition(":")[0]
        if is_foreign_account(name, account=self._account.name):
            raise foreign_account(name)

    def takes(self, token: bytes) -> bool:
        """Return whether a bearer token is one of this workspace, and valid now."""
        try:
            self._access.check(token.decode())
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return False
        return True

    def signed(self, path: str, *, permissions: str) -> str:
        """Return a query that allows to read a path (``"r"``), or to read and write it (``"rw"``).

        It is a shared access signature: anybody who has it has access until it expires.
        """
        return urlencode({"sr": "b", **self._signed(path, permissions=permissions)})

    def signed_container(self, container: str, *, permissions: str) -> str:
        """Return a query that grants access to all blobs of a container, until it expires.

        Parameters
        ----------
        container : str
            The name of the container.
        permissions : str
            Of ``"r"`` (read), ``"w"`` (write) and ``"d"`` (delete), and others that Azure has.
        """
        fields = self._signed(_OF_CONTAINER, f"/{container}", permissions=permissions)
        return urlencode({"sv": _VERSION, "sr": _OF_CONTAINER, **fields})

    def _signed(self, *scope: str, permissions: str) -> dict[str, str]:
        delegator = {} if self.shared_keys else {_DELEGATOR: self._identity.workspace_id}
        expiry = moment(in_s=_ADDRESS_LIFETIME_S)
        signature = self._signature(urlencode(delegator), *scope, permissions, expiry)
        return {"sp": permissions, "se": expiry, **delegator, "sig": signature}

    def _check_storage(self, request: Request) -> None:
        if by_token(request):
            self._check_token(request)
        elif request.args.get(_DELEGATOR):
            self._check_address(request)
        elif not self.shared_keys:
            raise RefusalError(403, KEYS_REFUSED, KEYS_REFUSED_MESSAGE)
        elif not self._account.has_signed(request):
            self._check_address(request)

    def _check_token(self, request: Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise RefusalError(401, "AuthenticationFailed", "The request has no bearer token.")
        try:
            self._access.check(token)
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            message = "The access token has expired or is not yet valid."
            raise RefusalError(401, "ExpiredAuthenticationToken", message) from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            message = "The bearer token was not signed by this workspace."
            raise RefusalError(401, "InvalidAuthenticationToken", message) from None

    def _check_password(self, request: Request) -> None:
        given = (request.authorization and request.authorization.get("password")) or ""
        if not hmac.compare_digest(given.encode(), self._registry_password.encode()):
            raise RefusalError(
                401, "UNAUTHORIZED", "The registry requires its user name and password."
            )

    def _check_address(self, request: Request) -> None:
        given = request.args
        permissions, expiry = given.get("sp", ""), given.get("se", "")
        scope = [request.path]
        if given.get("sr") == _OF_CONTAINER:
            scope = [_OF_CONTAINER, "/" + request.path.split("/")[1]]
        delegator = {name: given[name] for name in given if name == _DELEGATOR}
        expected = self._signature(urlencode(delegator), *scope, permissions, expiry)
        genuine = hmac.compare_digest(expected.encode(), given.get("sig", "").encode())
        allowed = _PERMISSIONS.get(request.method, "-") in permissions
        if not (genuine and allowed) or is_past(expiry):
            message = "Server failed to authenticate the request."
            raise RefusalError(403, "AuthenticationFailed", message)

    def _signature(self, *parts: str) -> str:
        text = "\n".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self._address_key, text, hashlib.sha256).hexdigest()


def by_token(request: Request) -> bool:
    """Return whether a request has a bearer token."""
    return request.headers.get("Authorization", "").lower().startswith("bearer ")
