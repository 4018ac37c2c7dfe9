"""Requests over HTTP, as they are: to a service, and back as an Answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelship.errors import UnsupportedError
from modelship.parity.answers import Answer
from modelship.targets.scoring import session_towards

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests

    from modelship.parity.scoring_request import ScoringRequest
    from modelship.targets import Deployment

__all__ = ["answer_over_http"]

_UNAUTHORIZED: Final = 401
_ENDED: Final = "the connection ended"
_TOO_SLOW: Final = "no answer in time"


def answer_over_http(
    deployment: Deployment, requests_: Sequence[ScoringRequest], *, request_timeout_s: float
) -> list[Answer]:
    """Send requests to a service one after the other, and return its answers."""
    parts = urlsplit(deployment.scoring_uri)
    # What stands before /score is the place's way to the service.
    base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/score')}"
    with _session(deployment) as session:
        return [_send(session, base, each, timeout_s=request_timeout_s) for each in requests_]


@contextmanager
def _session(deployment: Deployment) -> Iterator[requests.Session]:
    """Yield a session that shows the service's key, if it asks for one."""
    with session_towards(deployment.scoring_uri) as session:
        session.headers.clear()
        if session.get(deployment.swagger_uri, timeout=60).status_code == _UNAUTHORIZED:
            session.headers["Authorization"] = f"Bearer {_key(deployment)}"
        yield session


def _key(deployment: Deployment) -> str:
    try:
        return deployment.keys().primary
    except UnsupportedError:
        return ""


def _send(
    session: requests.Session, base: str, request: ScoringRequest, *, timeout_s: float
) -> Answer:
    import requests as http

    prepared = session.prepare_request(http.Request(request.method, base + request.path))
    prepared.headers.update(request.headers)
    prepared.prepare_body(request.body if request.body or request.method == "POST" else None, None)
    try:
        with session.send(prepared, timeout=timeout_s, allow_redirects=False) as response:
            return Answer.of(response.status_code, response.headers, response.content)
    except http.Timeout:
        return Answer(failure=_TOO_SLOW)
    except http.RequestException:
        return Answer(failure=_ENDED)
