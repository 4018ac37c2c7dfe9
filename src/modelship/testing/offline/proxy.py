"""An HTTP proxy that routes Azure's hosts to an offline workspace, so that none is ever called.

It only forwards bytes. TLS to one of those hosts is terminated by the workspace's own server, which
has a certificate for each name (:mod:`modelship.testing.offline.authority`); TLS to any other host
is terminated by that host.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

from modelship.testing.offline.accepting import Connections, end, pump, read_head
from modelship.testing.offline.hosts import is_azure, is_foreign_account, is_loopback
from modelship.testing.offline.json_exchange import as_reason
from modelship.testing.offline.routes import HEAD_END, holds
from modelship.workspace.way_out import PROXY_USER, is_own_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NextProxy", "Proxy", "Upstream"]

_LARGEST_HEAD_BYTES = 1 << 16
_DIAL_TIMEOUT_S = 30.0
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_CHALLENGE = 'Proxy-Authenticate: Basic realm="offline workspace"\r\n'
_UNKNOWN = (
    "The proxy of this offline workspace does not know these credentials: source environment.sh in "
    "the workspace's folder again"
)
# The address at which Azure machines request the token of their managed identity.
_INSTANCE_METADATA = "169.254.169.254"
_NO_IDENTITY = (
    "An offline workspace has no managed identities: sign in with ServicePrincipalAuthentication, "
    "with the variables of environment.sh"
)
_log = logging.getLogger(__name__)
_OWN_FIELDS = (b"connection:", b"proxy-connection:", b"proxy-authorization:")


@dataclass(frozen=True)
class NextProxy:
    """A proxy that requests have to go through.

    Parameters
    ----------
    host : str
        Its host name or address.
    port : int
        Its port.
    fields : tuple of bytes
        The header fields that it requires for authentication.
    """

    host: str
    port: int
    fields: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Upstream:
    """Which hosts are reached through which proxy.

    Parameters
    ----------
    proxies : Mapping
        The URL of the proxy for ``"http"`` and ``"https"``, and under ``"no"`` the hosts that need
        none, as returned by :func:`urllib.request.getproxies_environment`.
    """

    proxies: Mapping[str, str] = field(repr=False)

    def before(self, host: str, is_tunnel: bool) -> NextProxy | None:  # noqa: FBT001 - as the request says
        """Return the proxy that a request to `host` has to go through, or None.

        The proxy of an offline workspace does not count: it would be this one, or lead back here.
        """
        url = urlsplit(self.proxies.get("https" if is_tunnel else "http", ""))
        if url.scheme != "http" or not url.hostname:
            return None
        if proxy_bypass_environment(host, dict(self.proxies)):
            return None
        if is_own_proxy(url.geturl()):
            return None
        return NextProxy(url.hostname, url.port or 80, _credentials(url.username, url.password))


def _credentials(username: str | None, password: str | None) -> tuple[bytes, ...]:
    if username is None:
        return ()
    who = f"{unquote(username)}:{unquote(password or '')}"
    return (b"Proxy-Authorization: Basic " + base64.b64encode(who.encode()),)


@dataclass(frozen=True)
class _Request:
    """What a client requests from which host: the head, and what arrived after it."""

    head: bytes
    rest: bytes
    host: str
    port: int
    is_tunnel: bool

    @classmethod
    def read(cls, received: bytes) -> _Request:
        """Parse ``CONNECT host:port`` or ``GET http://host/path``; raise ValueError otherwise."""
        head, complete, rest = received.partition(HEAD_END)
        method, target, _version = head.split(b"\r\n")[0].decode("ascii").split(" ")
        is_tunnel = method == "CONNECT"
        url = urlsplit(f"//{target}" if is_tunnel else target)
        if not (complete and url.hostname and (is_tunnel or url.scheme == "http")):
            raise ValueError(target)
        return cls(head, rest, url.hostname, url.port or (443 if is_tunnel else 80), is_tunnel)

    def for_proxy(self, *fields: bytes) -> bytes:
        """Return what to send to another proxy."""
        first, *lines = self.head.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(_OWN_FIELDS)]
        # A second request on this connection could be for another host.
        own = [] if self.is_tunnel else [b"Connection: close"]
        return b"\r\n".join([first, *kept, *own, *fields, b"", self.rest])

    def for_server(self) -> bytes:
        """Return what to send to the server that the request is for."""
        if self.is_tunnel:
            return self.rest
        method, rest = self.for_proxy().split(b" ", 1)
        target, rest = rest.split(b" ", 1)
        url = urlsplit(target)
        path = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        return b" ".join([method, path, rest])


class Proxy:
    """Accepts requests on 127.0.0.1 until it is closed.

    ``CONNECT host:port`` and plain requests by absolute URI (RFC 9112, sections 3.2.2 and 3.2.3)
    are forwarded to the workspace if they are for Azure's hosts, and to their destination if they
    are for this machine.

    Parameters
    ----------
    listener : socket
        The listening socket; the proxy closes it.
    http_port, https_port : int
        The ports of the workspace on 127.0.0.1, plain and with TLS.
    password : str
        The password that every request requires, with the user name ``modelship-offline``.
    account : str
        The workspace's storage account. Others are treated like any other host.
    sealed : bool
        Refuse every other host. Otherwise requests are forwarded to their destination, through the
        proxy in the environment variables of this process, if any.
    """

    def __init__(
        self,
        *,
        listener: socket.socket,
        http_port: int,
        https_port: int,
        password: str,
        account: str,
        sealed: bool = True,
    ) -> None:
        port = int(listener.getsockname()[1])
        self.url = f"http://{PROXY_USER}:{password}@127.0.0.1:{port}"
        """The value of ``HTTPS_PROXY`` and ``HTTP_PROXY``."""
        self._credentials = (base64.b64encode(f"{PROXY_USER}:{password}".encode()),)
        self.refused: list[str] = []
        """The hosts that were refused, in order."""
        self._workspace_ports = {False: http_port, True: https_port}
        self._account = account
        self._sealed = sealed
        self._upstream = Upstream(getproxies_environment())
        self._connections = Connections("offline-proxy")
        self._connections.begin(listener, self._serve)

    def close(self) -> None:
        """Stop listening, and close all connections. Safe to call twice."""
        self._connections.close()

    async def _serve(self, client: socket.socket) -> None:
        received = await read_head(client, most_bytes=_LARGEST_HEAD_BYTES)
        if not received:
            return
        try:
            request = _Request.read(received)
        except ValueError:
            await _refuse(client, 400, "This is a proxy: set HTTPS_PROXY to its address.")
            return
        if not holds(received, self._credentials, field=b"proxy-authorization", kind=b"basic"):
            await _refuse(client, 407, _UNKNOWN, fields=_CHALLENGE)
        elif words := self._refusal_of(request.host):
            await _refuse(client, 403, words)
        else:
            await self._forward(request, client)

    def _refusal_of(self, host: str) -> str:
        """Return why there is no connection to a host, or ``""``."""
        if host == _INSTANCE_METADATA:
            return _NO_IDENTITY
        foreign = is_foreign_account(host, account=self._account)
        if not self._sealed or is_loopback(host) or (is_azure(host) and not foreign):
            return ""
        words = f"This offline workspace is sealed: it does not connect to {host}"
        if host not in self.refused:
            _log.warning("%s.", words)
        self.refused.append(host)
        return "" if is_azure(host) else words

    async def _forward(self, request: _Request, client: socket.socket) -> None:
        """Connect to the destination of a request, and forward bytes until both sides end."""
        proxy = self._next_proxy(request)
        address = (proxy.host, proxy.port) if proxy else self._address(request)
        try:
            server = await asyncio.wait_for(_connected(address), _DIAL_TIMEOUT_S)
        except (OSError, UnicodeError, asyncio.TimeoutError) as error:
            words = f"{request.host}:{request.port} cannot be reached: {error}"
            await _refuse(client, 502, words)
            return
        loop = asyncio.get_running_loop()
        with server:
            if request.is_tunnel and not proxy:
                await loop.sock_sendall(client, _ESTABLISHED)
            first = request.for_proxy(*proxy.fields) if proxy else request.for_server()
            await loop.sock_sendall(server, first)
            await _join(client, server)

    def _is_ours(self, host: str) -> bool:
        """Return whether the workspace answers for a host, even if only with a refusal."""
        foreign = is_foreign_account(host, account=self._account)
        return is_azure(host) and (self._sealed or not foreign)

    def _address(self, request: _Request) -> tuple[str, int]:
        if self._is_ours(request.host):
            return "127.0.0.1", self._workspace_ports[request.is_tunnel]
        return request.host, request.port

    def _next_proxy(self, request: _Request) -> NextProxy | None:
        if self._is_ours(request.host) or is_loopback(request.host):
            return None
        return self._upstream.before(request.host, request.is_tunnel)


async def _connected(place: tuple[str, int]) -> socket.socket:
    """Return a connection to the first address of a host that accepts one."""
    loop = asyncio.get_running_loop()
    refusal = OSError("it has no address")
    found = await loop.getaddrinfo(*place, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        server = socket.socket(family, kind, protocol)
        server.setblocking(False)
        try:
            await loop.sock_connect(server, address)
        except OSError as error:
            server.close()
            refusal = error
        except BaseException:
            server.close()
            raise
        else:
            return server
    raise refusal


async def _refuse(client: socket.socket, status: int, words: str, *, fields: str = "") -> None:
    """Respond with a message; clients show only the status line of a response to CONNECT."""
    body = f"{words}\n".encode()
    fields += f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close"
    head = f"HTTP/1.1 {status} {as_reason(words)}\r\n{fields}\r\n\r\n"
    await end(client, head.encode() + body)


async def _join(here: socket.socket, there: socket.socket) -> None:
    """Forward bytes both ways until both sides have ended, or one was reset."""
    ways = [asyncio.ensure_future(_carry(*way)) for way in ((here, there), (there, here))]
    try:
        await asyncio.gather(*ways)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(source: socket.socket, sink: socket.socket) -> None:
    await pump(source, sink)
    sink.shutdown(socket.SHUT_WR)
