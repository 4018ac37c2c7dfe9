"""Send requests to Azure Resource Manager, and return its documents.

Endpoints, deployments and their keys and logs are plain documents, so they need no SDK: it would
poll in a thread, print while it does so, and drop the fields that it does not know.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.auth import AuthBase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ArmError", "ArmRequests", "Bearer"]

_CONNECT_TIMEOUT_S: Final = 10.0
_READ_TIMEOUT_S: Final = 60.0
_TRIES: Final = 4
_LONGEST_PAUSE_S: Final = 30.0
# The service has not begun such a request, so any method can be sent again.
_NOT_BEGUN: Final = frozenset({429, 503})
_TRANSIENT: Final = _NOT_BEGUN | {500, 502, 504}


@dataclass
class ArmError(Exception):
    """A reply of Azure Resource Manager with an error.

    Attributes
    ----------
    status : int
        The HTTP status.
    error : dict
        ``{"code", "message", "details"}``, as far as the reply has them.
    """

    status: int
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The error's code, such as ``"ResourceNotFound"``; may be empty."""
        return str(self.error.get("code") or "")

    def __str__(self) -> str:
        return str(self.error.get("message") or self.code or f"status {self.status}")


class Bearer(AuthBase):
    """Authenticate a request with a token; as an object, so that no .netrc replaces it.

    Parameters
    ----------
    token : str
        The token.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ArmRequests:
    """Azure Resource Manager.

    Parameters
    ----------
    url : str
        Where it is, without a slash at the end.
    token : Callable[[], str]
        Returns a token for it.
    session : requests.Session
        The connections.
    """

    def __init__(self, url: str, token: Callable[[], str], *, session: requests.Session) -> None:
        self.url = url
        self._token = token
        self._session = session

    def get(self, path: str, *, version: str, query: Mapping[str, str] | None = None) -> Any:
        """Return a document; None if there is none.

        Raises
        ------
        ArmError
            If the reply is any other error.
        requests.RequestException
            If there is no reply.
        """
        try:
            return self.send("GET", path, version=version, query=query)
        except ArmError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def all(
        self, path: str, *, version: str, query: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the documents of a list, page after page; none if there is no such list."""
        page = self.get(path, version=version, query=query)
        while page is not None:
            yield from page.get("value") or ()
            link = page.get("nextLink")
            page = self.send("GET", self._own(link), version="") if link else None

    def send(
        self,
        method: str,
        path: str,
        *,
        version: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a request, again after a transient failure, and return the reply's document.

        Parameters
        ----------
        method : str
            The HTTP method.
        path : str
            The path below the resource manager.
        version : str
            The api-version; empty if `path` has it.
        body : Mapping, optional
            The document to send.
        query : Mapping, optional
            Further parameters.

        Raises
        ------
        ArmError
            If the reply is an error.
        requests.RequestException
            If there is no reply.
        """
        asked = dict(query or {}) | ({"api-version": version} if version else {})
        reply = self._answered(method, self.url + path, asked, body)
        found = _document(reply)
        if not reply.ok:
            raise ArmError(reply.status_code, _error(found, reply))
        if operation := reply.headers.get("Azure-AsyncOperation"):
            found.setdefault("operation", operation)
        return found

    def operation(self, url: str) -> dict[str, Any]:
        """Return the state of a long operation, from the URL that began it."""
        return self.send("GET", self._own(url), version="")

    def _answered(
        self, method: str, url: str, query: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> requests.Response:
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            try:
                reply = self._session.request(
                    method, url, params=query, json=body,
                    auth=Bearer(self._token()), allow_redirects=False,
                    timeout=(_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S),
                )  # fmt: skip
            except requests.ConnectionError:
                # A refused connection stays refused; a broken one may have carried the request.
                if last or method != "GET" or attempt > 1:
                    raise
                continue
            again = _TRANSIENT if method == "GET" else _NOT_BEGUN
            if last or reply.status_code not in again:
                return reply
            time.sleep(_pause_s(reply, attempt))
        raise AssertionError  # the last attempt returns or raises

    def _own(self, url: str) -> str:
        """Return the path of an address here; the token is sent to no other host."""
        base = f"{self.url}/"
        if not url.startswith(base):
            raise ArmError(502, {"message": "the reply refers to another host"})
        return url[len(base) - 1 :]


def _pause_s(reply: requests.Response, attempt: int) -> float:
    """Return the seconds that the service asks to wait, or else more with each attempt."""
    for name, unit_s in (("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        with contextlib.suppress(ValueError):
            return min(float(reply.headers.get(name, "")) * unit_s, _LONGEST_PAUSE_S)
    return float(2 ** (attempt - 2))


def _document(reply: requests.Response) -> dict[str, Any]:
    try:
        found = reply.json() if reply.content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"value": found}


def _error(found: dict[str, Any], reply: requests.Response) -> dict[str, Any]:
    inner = found.get("error", found)
    if isinstance(inner, dict) and inner:
        return inner
    return {"message": str(inner or reply.reason or "no explanation")}
