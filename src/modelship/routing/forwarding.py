"""Forward requests to one of two releases, and count the outcomes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from modelship.routing.figures import Tally
from modelship.routing.messages import Body, Kept, end_to_end, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.routing.request_copies import Copies

__all__ = ["NEW", "OLD", "Forwarder", "Turns", "session"]

OLD: Final = "old"
NEW: Final = "new"
LINE_BYTES: Final = 1 << 16
_CONNECT_TIMEOUT_S: Final = 10.0
_NO_ANSWER: Final = (
    "The release that the request was sent to has ended before it answered. "
    "The request may have been run."
)
_IN_A_ROW: Final = 3
"""After this many consecutive aborted requests a release is gone.

Another process, such as the one that publishes a container's port, may still accept its
connections.
"""
_NOBODY: Final = "No release can be reached."
_ALL: Final = 100


class Turns:
    """A weighted round robin: of 100 consecutive requests, exactly `weight` are selected.

    They are spread evenly, and the first one after a change is selected: with a weight of 10 the
    requests 1, 11, 21 and so on.
    """

    def __init__(self) -> None:
        self._weight = 0
        self._credit = 0

    @property
    def weight(self) -> int:
        """The percentage of the requests that are selected."""
        return self._weight

    @weight.setter
    def weight(self, percent: int) -> None:
        self._weight = percent
        self._credit = _ALL - percent if percent else 0

    def take(self) -> bool:
        """Return whether the next request is selected."""
        self._credit += self._weight
        is_taken = self._credit >= _ALL
        if is_taken:
            self._credit -= _ALL
        return is_taken


def session() -> aiohttp.ClientSession:
    """Return a client that adds nothing to a request and changes nothing in a response.

    Each request has a connection of its own: the release may close a keep-alive connection just
    when the next request is sent, and that request would be lost.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        auto_decompress=False,
        max_line_size=LINE_BYTES,
        max_field_size=LINE_BYTES,
    )


class _NotSentError(Exception):
    """No connection was possible, so nothing of the request was sent."""


class Forwarder:
    """Forwards each request to the old or the new release.

    A request that could not be sent goes to the other release. One that was sent and not answered
    is not sent again, since it may have been run: its client gets a 502.

    Parameters
    ----------
    origins : Mapping[str, str]
        ``http://host:port`` of each release.
    client : aiohttp.ClientSession
        The client that sends the requests.
    copies : Copies
        The receiver of copies of requests and responses.

    Attributes
    ----------
    turns : Turns
        Decides which requests go to the new release.
    tallies : Mapping[str, Tally]
        The counts of each release.
    is_draining : bool
        Whether each connection is closed after its next response.
    under_way : int
        The number of requests in progress.
    """

    def __init__(
        self, origins: Mapping[str, str], *, client: aiohttp.ClientSession, copies: Copies
    ) -> None:
        self._origins = origins
        self._client = client
        self._copies = copies
        self._now = asyncio.get_running_loop().time
        self.turns = Turns()
        self.tallies = {OLD: Tally(), NEW: Tally()}
        self.is_draining = False
        self._broken_off = {OLD: 0, NEW: 0}
        self.under_way = 0
        self.last_at = self._now()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.under_way += 1
        try:
            return await self._handle(request)
        finally:
            self.under_way -= 1
            self.last_at = self._now()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        order = (NEW, OLD) if self.turns.take() else (OLD, NEW)
        body = Body(request.content, most_kept_bytes=self._copies.most_bytes)
        for release in order:
            answer = await self._try(request, body, release)
            if answer is not None:
                return answer
        return self._refusal(_NOBODY)

    async def _try(
        self, request: web.Request, body: Body, release: str
    ) -> web.StreamResponse | None:
        """Return the response of one release; None if the request could not be sent to it."""
        try:
            return await self._forward(request, body, release)
        except _NotSentError:
            self.tallies[release].failed(unreachable=True)
            self._leave_out(release)
            return None

    def _leave_out(self, release: str) -> None:
        if release == NEW:
            self.turns.weight = 0  # the next requests need not try it

    def _broke_off(self, release: str) -> None:
        """Count a request that a release has not answered."""
        self._broken_off[release] += 1
        is_gone = self._broken_off[release] == _IN_A_ROW
        self.tallies[release].failed(unreachable=is_gone)
        if is_gone:
            self._leave_out(release)

    async def _forward(self, request: web.Request, body: Body, release: str) -> web.StreamResponse:
        began_at = self._now()
        try:
            answer = await self._client.request(
                request.method,
                target_of(self._origins[release], request),
                headers=CIMultiDict([*end_to_end(request.raw_headers), ("Connection", "close")]),
                data=body.pieces(self._now) if request.can_read_body else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _NotSentError from error
        except (aiohttp.ClientError, OSError):
            if not body.is_broken:  # otherwise the client has gone
                self._broke_off(release)
            return self._refusal(_NO_ANSWER)
        self._broken_off[release] = 0
        latency_s = self._now() - max(began_at, body.ended_at)
        async with answer:
            return await self._answer(request, body, release, answer, latency_s)

    async def _answer(
        self,
        request: web.Request,
        body: Body,
        release: str,
        answer: aiohttp.ClientResponse,
        latency_s: float,
    ) -> web.StreamResponse:
        tally = self.tallies[release]
        fields = end_to_end(answer.raw_headers)
        response = web.StreamResponse(
            status=answer.status, reason=answer.reason, headers=CIMultiDict(fields)
        )
        request["given"] = {name.lower() for name, _ in fields}
        if self.is_draining:
            response.force_close()
        kept = Kept(most_bytes=self._copies.most_bytes)
        try:
            await response.prepare(request)
        except OSError:  # the client has gone
            tally.answered(status=answer.status, latency_s=latency_s)
            raise
        while True:
            try:
                piece = await answer.content.readany()
            except (aiohttp.ClientError, OSError):
                self._broke_off(release)
                if request.transport is not None:
                    request.transport.abort()  # the response must not look complete
                return response
            if not piece:
                break
            kept.take(piece)
            await response.write(piece)
        tally.answered(status=answer.status, latency_s=latency_s)
        await response.write_eof()
        self._copies.offer(
            request, body, kept, answered_by=release, status=answer.status, fields=fields
        )
        return response

    def _refusal(self, message: str) -> web.Response:
        response = web.Response(
            status=502, body=json.dumps({"message": message}), content_type="application/json"
        )
        if self.is_draining:
            response.force_close()
        return response


async def leave_headers_alone(request: web.Request, response: web.StreamResponse) -> None:
    """Remove headers that aiohttp adds to a response; a signal handler of the application."""
    given = request.get("given")
    if given is None:
        return
    for name in ("Server", "Date", "Content-Type"):
        if name.lower() not in given:
            response.headers.popall(name, None)
