"""The routes: a bare ASGI application (ASGI 3.0).

``POST /score`` comes here only from a server that is not ours; ours has a shorter way for it.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .contract import (
    JSON,
    NO_METHOD,
    NO_PATH,
    NOT_FAILED,
    WITHOUT_LENGTH,
    Answer,
    Identities,
    Request,
    error,
    joined,
)
from .description import UnsupportedVersionError
from .metrics import exposition
from .service import no_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .description import Descriptions
    from .service import Service

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

__all__ = ["Application"]

_PAGE = Path(__file__).with_name("page.html")
_PAGE_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    b"connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)
_HTML = b"content-type: text/html; charset=utf-8\r\n"
_READING = ("GET", "HEAD", "OPTIONS")
_SCORING = ("GET", "HEAD", "OPTIONS", "POST")


class Application:
    """Answers what is not scoring, and hands scoring over.

    Parameters
    ----------
    service : Service
        What scores.
    descriptions : Descriptions
        What ``/swagger.json`` tells.
    """

    def __init__(self, service: Service, descriptions: Descriptions) -> None:
        self._service = service
        self._descriptions = descriptions
        self._routes: dict[str, Callable[[Request], Answer]] = {
            "/": _healthy,
            "/ready": self._ready,
            "/swagger.json": self._describe,
            "/metrics": self._metrics,
            "/docs": _page,
            "/docs/sample.json": self._sample,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = _Asked(scope)
        if request.path == "/score" and request.method in _SCORING:
            answer = await self._score(request, receive)
        else:
            async for _ in _parts(receive):  # no route but one has a use for a body
                pass
            answer = self._answer(request)
        await self._send(answer, request, send)

    async def _score(self, request: _Asked, receive: Receive) -> Answer:
        parts, size = [], 0
        async for part in _parts(receive):
            parts.append(part)
            size += len(part)
            if size > self._service.settings.body_bytes:
                return self._service.too_large()
        request.body = b"".join(parts)
        self._service.submit(request)
        return await request.answered

    def _answer(self, request: Request) -> Answer:
        route = self._routes.get(request.path)
        if route is None and request.path != "/score":
            return error(404, NO_PATH)
        if route is None or request.method not in _READING:
            answer = error(405, NO_METHOD)
            if not self._service.settings.strict:
                answer.add("allow", ", ".join(_READING if route else _SCORING))
            return answer
        if request.method == "OPTIONS":
            answer = Answer(200, b"", _HTML).add("allow", "OPTIONS, GET, HEAD")
        elif request.identities.too_long:
            answer = error(431, request.identities.too_long)
        else:
            answer = route(request)
        self._service.dress(request, answer)
        return answer

    def _ready(self, _: Request) -> Answer:
        if self._service.draining:
            return Answer(503, b"Draining", _HTML)
        return Answer(200, self._service.board.readiness().encode(), _HTML)

    def _describe(self, request: Request) -> Answer:
        if not self._lets_in(request):
            return no_key()
        version = parse_qs(request.query.decode("latin-1"), keep_blank_values=True).get("version")
        try:
            found = self._descriptions.of(version[0] if version else "2")
        except UnsupportedVersionError as problem:
            return error(404, str(problem))
        return Answer(200, json.dumps(found).encode(), JSON + NOT_FAILED)

    def _metrics(self, request: Request) -> Answer:
        if not self._lets_in(request):
            return no_key()
        text = exposition(self._service.board)
        return Answer(200, text, b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n")

    def _sample(self, request: Request) -> Answer:
        if not self._lets_in(request):
            return no_key()
        file = Path(self._service.settings.sample_file or "/nowhere")
        return Answer(200, file.read_bytes(), JSON) if file.is_file() else error(404, NO_PATH)

    def _lets_in(self, request: Request) -> bool:
        return self._service.keys.let_in(request.fields.get(b"authorization"))

    async def _send(self, answer: Answer, request: Request, send: Send) -> None:
        lines = (line.partition(b": ") for line in answer.head.split(b"\r\n")[:-1])
        headers = [(name.lower(), value) for name, _, value in lines]
        if answer.parts is None and answer.status not in WITHOUT_LENGTH:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        if answer.close or not self._service.keeps_alive:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.parts is not None:
            async for part in self._service.parts_of(answer):
                await send({"type": "http.response.body", "body": part, "more_body": True})
        body = b"" if request.method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})


def _healthy(_: Request) -> Answer:
    return Answer(200, b"Healthy", _HTML)


def _page(_: Request) -> Answer:
    head = _HTML + b"content-security-policy: %b\r\n" % _PAGE_POLICY
    return Answer(200, _PAGE.read_bytes(), head)


class _Asked(Request):
    """A request that ASGI has brought."""

    __slots__ = ("answered",)

    def __init__(self, scope: Scope) -> None:
        self.began_ns = time.perf_counter_ns()
        self.method = scope["method"]
        # To the reference //score is /score.
        self.path = "/" + scope["path"].lstrip("/")
        self.query = scope["query_string"]
        self.version = scope["http_version"]
        self.fields = joined(scope["headers"])
        self.body = b""
        self.client = scope.get("client")
        self.identities = Identities(self.fields)
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def respond(self, answer: Answer) -> None:
        if not self.answered.done():  # the client may have gone
            self.answered.set_result(answer)


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    """Return the parts of a body as they come."""
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)
