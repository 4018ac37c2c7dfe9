"""Route requests to handlers by path and method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from .description import UnsupportedVersionError
from .http_contract import (
    INTERNAL_ERROR,
    JSON,
    NO_METHOD,
    NO_PATH,
    NOT_FAILED,
    HttpAnswer,
    Identities,
    error,
)
from .logs import logger
from .scoreboard import exposition
from .worker_service import no_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from .description import Descriptions
    from .exchange import Exchange
    from .http_contract import Request
    from .http_parsing import Head
    from .worker_service import WorkerService

__all__ = ["Application"]

_PAGE = Path(__file__).with_name("page.html")
_PAGE_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    b"connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)
_HTML = b"content-type: text/html; charset=utf-8\r\n"
_OPEN = frozenset({"/", "/ready", "/docs"})
"""The paths that need no key."""
_READING = ("GET", "HEAD", "OPTIONS")
_SCORING = ("GET", "HEAD", "OPTIONS", "POST")


class Application:
    """Answers all requests but scoring requests, which it passes on.

    Parameters
    ----------
    service : WorkerService
        What scores.
    descriptions : Descriptions
        The content of ``/swagger.json``.
    """

    def __init__(self, service: WorkerService, descriptions: Descriptions) -> None:
        self._service = service
        self._descriptions = descriptions
        self._routes: dict[str, Callable[[Request], HttpAnswer]] = {
            "/": _healthy,
            "/ready": self._ready,
            "/swagger.json": self._describe,
            "/metrics": self._metrics,
            "/docs": _page,
            "/docs/sample.json": self._sample,
        }

    def admits(self, head: Head) -> bool:
        """Return whether a request with this head has a valid key, or needs none."""
        service = self._service
        return not service.asks or head.path in _OPEN or service.admits(head.fields)

    def answer(self, request: Exchange) -> None:
        """Answer or score a complete request. Called when its turn has come."""
        request.identities = Identities(request.fields)
        if request.scores and request.is_admitted:
            self._service.submit(request)
        elif request.scores:
            self._service.deliver(request, no_key())
        else:
            request.respond(self._answer_or_500(request))

    def _answer_or_500(self, request: Exchange) -> HttpAnswer:
        try:
            return self._answer(request)
        except Exception:  # noqa: BLE001 - what is never answered would hold its connection for good
            logger.exception("%s cannot be answered.", request.path)
            return error(500, INTERNAL_ERROR)

    def _answer(self, request: Exchange) -> HttpAnswer:
        route = self._routes.get(request.path)
        if not request.is_admitted:
            answer = no_key()
            self._service.add_common_headers(request, answer)
            return answer
        if route is None and request.path != "/score":
            return error(404, NO_PATH)
        if route is None or request.method not in _READING:
            answer = error(405, NO_METHOD)
            if not self._service.settings.strict:
                answer.add("allow", ", ".join(_READING if route else _SCORING))
            return answer
        if request.method == "OPTIONS":
            answer = HttpAnswer(200, b"", _HTML).add("allow", "OPTIONS, GET, HEAD")
        elif request.identities.too_long:
            answer = error(431, request.identities.too_long)
        else:
            answer = route(request)
        self._service.add_common_headers(request, answer)
        return answer

    def _ready(self, _: Request) -> HttpAnswer:
        if self._service.draining:
            return HttpAnswer(503, b"Draining", _HTML)
        return HttpAnswer(200, self._service.board.readiness().encode(), _HTML)

    def _describe(self, request: Request) -> HttpAnswer:
        version = parse_qs(request.query.decode("latin-1"), keep_blank_values=True).get("version")
        try:
            found = self._descriptions.of(version[0] if version else "2")
        except UnsupportedVersionError as problem:
            return error(404, str(problem))
        return HttpAnswer(200, json.dumps(found).encode(), JSON + NOT_FAILED)

    def _metrics(self, _: Request) -> HttpAnswer:
        text = exposition(self._service.board)
        return HttpAnswer(200, text, b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n")

    def _sample(self, _: Request) -> HttpAnswer:
        file = Path(self._service.settings.sample_file or "/nowhere")
        return HttpAnswer(200, file.read_bytes(), JSON) if file.is_file() else error(404, NO_PATH)


def _healthy(_: Request) -> HttpAnswer:
    return HttpAnswer(200, b"Healthy", _HTML)


def _page(_: Request) -> HttpAnswer:
    head = _HTML + b"content-security-policy: %b\r\n" % _PAGE_POLICY
    return HttpAnswer(200, _PAGE.read_bytes(), head)
