"""An HTTP proxy that routes Azure's hosts to an offline workspace, so that none is ever called.

It only forwards bytes. TLS to one of those hosts is terminated by the workspace's own server, which
has a certificate for each name (:mod:`modelship.testing.offline.authority`); TLS to any other host
is terminated by that host.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modelship.testing.offline.heads import holds
from modelship.testing.offline.hosts import is_azure, is_foreign_account, is_loopback
from modelship.testing.offline.json_exchange import as_reason
from modelship.testing.offline.peers import is_another_users
from modelship.testing.offline.upstream import Upstream
from modelship.workspace.way_out import PROXY_USER

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from modelship.testing.offline.upstream import NextProxy

__all__ = ["Proxy"]

_CHUNK_BYTES = 1 << 16
_LARGEST_HEAD_BYTES = 1 << 16
_HEAD_TIMEOUT_S = 30.0
_DIAL_TIMEOUT_S = 30.0
_LINGER_S = 2.0
_ENDING_S = 5.0
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
class _Request:
    """The head of a request: what a client requests from which host."""

    head: bytes
    host: str
    port: int
    is_tunnel: bool

    @classmethod
    def read(cls, head: bytes) -> _Request:
        """Parse ``CONNECT host:port`` or ``GET http://host/path``; raise ValueError otherwise."""
        method, target, _version = head.split(b"\r\n")[0].decode("ascii").split(" ")
        is_tunnel = method == "CONNECT"
        url = urlsplit(f"//{target}" if is_tunnel else target)
        if not url.hostname or not (is_tunnel or url.scheme == "http"):
            raise ValueError(target)
        return cls(head, url.hostname, url.port or (443 if is_tunnel else 80), is_tunnel)

    def for_proxy(self, *fields: bytes) -> bytes:
        """Return the head to send to another proxy."""
        first, *rest = self.head[: -len(b"\r\n\r\n")].split(b"\r\n")
        kept = [line for line in rest if not line.lower().startswith(_OWN_FIELDS)]
        # A second request on this connection could be for another host.
        own = [] if self.is_tunnel else [b"Connection: close"]
        return b"\r\n".join([first, *kept, *own, *fields, b"", b""])

    def for_server(self) -> bytes:
        """Return the head to send to the server that the request is for."""
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
        self._upstream = Upstream.of_this_process()
        self._busy: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="offline-proxy", daemon=True)
        self._thread.start()
        # In that thread: the one that opens the proxy may have a running loop, as notebooks do.
        listening = asyncio.start_server(self._serve, sock=listener, limit=_LARGEST_HEAD_BYTES)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()

    def close(self) -> None:
        """Stop listening, and close all connections. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_ENDING_S)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        await asyncio.sleep(0)  # aborted connections close in the next iteration of the loop
        await self._loop.shutdown_default_executor()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            async with _closing(writer):
                if not is_another_users(writer.get_extra_info("socket")):
                    await self._answer(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the client disconnected, or the proxy is being closed
        finally:
            self._busy.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_TIMEOUT_S)
            request = _Request.read(head)
        except (asyncio.IncompleteReadError, asyncio.TimeoutError):
            return
        except (ValueError, asyncio.LimitOverrunError):
            words = "This is a proxy: set HTTPS_PROXY to its address."
            await _refuse(reader, writer, 400, words)
            return
        if not holds(head, self._credentials, field=b"proxy-authorization", kind=b"basic"):
            await _refuse(reader, writer, 407, _UNKNOWN, fields=_CHALLENGE)
            return
        if request.host == _INSTANCE_METADATA:
            await _refuse(reader, writer, 403, _NO_IDENTITY)
            return
        if self._is_out_of_reach(request.host):
            words = f"This offline workspace is sealed: it does not connect to {request.host}"
            if request.host not in self.refused:
                _log.warning("%s.", words)
            self.refused.append(request.host)
            if not is_azure(request.host):
                await _refuse(reader, writer, 403, words)
                return
        try:
            there = await asyncio.wait_for(self._dial(request, writer), _DIAL_TIMEOUT_S)
        except (OSError, UnicodeError, asyncio.TimeoutError) as error:
            words = f"{request.host}:{request.port} cannot be reached: {error}"
            await _refuse(reader, writer, 502, words)
            return
        async with _closing(there[1]):
            await _join((reader, writer), there)

    def _is_out_of_reach(self, host: str) -> bool:
        foreign = is_foreign_account(host, account=self._account)
        return self._sealed and (foreign or not (is_azure(host) or is_loopback(host)))

    def _is_ours(self, host: str) -> bool:
        """Return whether the workspace answers for a host, even if only with a refusal."""
        foreign = is_foreign_account(host, account=self._account)
        return is_azure(host) and (self._sealed or not foreign)

    async def _dial(
        self, request: _Request, client: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the destination of a request, and send what has to be sent first."""
        address = (request.host, request.port)
        if self._is_ours(request.host):
            address = ("127.0.0.1", self._workspace_ports[request.is_tunnel])
        elif proxy := self._next_proxy(request):
            reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
            writer.write(request.for_proxy(*proxy.fields))
            return reader, writer
        reader, writer = await asyncio.open_connection(*address)
        if request.is_tunnel:
            client.write(_ESTABLISHED)
        else:
            writer.write(request.for_server())
        return reader, writer

    def _next_proxy(self, request: _Request) -> NextProxy | None:
        if is_loopback(request.host):
            return None
        return self._upstream.before(request.host, request.is_tunnel)


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close a connection after the body; after an error immediately, dropping unsent bytes."""
    try:
        yield
        writer.close()
        await writer.wait_closed()
    except BaseException:
        writer.transport.abort()
        raise


async def _refuse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    status: int,
    words: str,
    *,
    fields: str = "",
) -> None:
    """Respond with a message; clients show only the status line of a response to CONNECT."""
    body = f"{words}\n".encode()
    fields += f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close"
    writer.write(f"HTTP/1.1 {status} {as_reason(words)}\r\n{fields}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.write_eof()
    # Unread bytes would cause a reset, which could arrive before the response.
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_drain(reader), _LINGER_S)


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(_CHUNK_BYTES):
        pass


async def _join(
    here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Forward bytes both ways until both sides have closed, or one was reset."""
    ways = [
        asyncio.ensure_future(_pump(here[0], there[1])),
        asyncio.ensure_future(_pump(there[0], here[1])),
    ]
    try:
        await asyncio.gather(*ways)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK_BYTES):
        sink.write(chunk)
        await sink.drain()
    sink.write_eof()
