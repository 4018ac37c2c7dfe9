"""Send a request to a service over HTTP unchanged, and return its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelship.comparison.answers import ENDED, MOST_BYTES, TOO_LARGE, TOO_SLOW, PlaceAnswer
from modelship.errors import UnsupportedError
from modelship.progress import Deadline, DeadlineExceededError
from modelship.targets.http_scoring import session_towards

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests

    from modelship.comparison.scoring_request import ScoringRequest
    from modelship.parity.compared_services import Address, ComparedService
    from modelship.targets import Deployment

__all__ = ["answer_over_http"]

_UNAUTHORIZED: Final = 401
_CONNECT_TIMEOUT_S: Final = 5.0
_CHUNK_BYTES: Final = 1 << 16
_KEY: Final = b"(the service's key)"


def answer_over_http(
    service: ComparedService, requests_: Sequence[ScoringRequest], *, request_timeout_s: float
) -> list[PlaceAnswer]:
    """Send requests to a service one after the other, and return its answers.

    After a request without an answer, the service is restored, so that it is not busy with it when
    the next one is sent.
    """
    given: list[PlaceAnswer] = []
    key = _key(service.deployment, timeout_s=request_timeout_s)
    for each in requests_:
        answer = _send(service.deployment, each, key=key, timeout_s=request_timeout_s)
        given.append(answer)
        if answer.failure and len(given) < len(requests_):
            service.bring_back(is_busy=answer.failure != ENDED)
            key = _key(service.deployment, timeout_s=request_timeout_s)
    return given


def _key(deployment: Deployment | Address, *, timeout_s: float) -> str:
    """Return the service's key if it needs one, else ``""``."""
    import requests

    try:
        with session_towards(deployment.scoring_uri) as session:
            status = session.get(deployment.swagger_uri, timeout=timeout_s).status_code
        return deployment.keys().primary if status == _UNAUTHORIZED else ""
    except (requests.RequestException, UnsupportedError):
        return ""  # each request reports its own result


def _send(
    deployment: Deployment | Address, request: ScoringRequest, *, key: str, timeout_s: float
) -> PlaceAnswer:
    import requests
    import urllib3

    deadline = Deadline(timeout_s)
    try:
        # A session for each, so that a cookie of one answer is not sent with the next request.
        with (
            session_towards(deployment.scoring_uri) as session,
            session.send(
                _prepared(session, deployment, request, key=key),
                timeout=(min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            body = _read(response, deadline)
            headers = response.raw.headers.items()
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError, DeadlineExceededError):
        return PlaceAnswer(failure=TOO_SLOW)
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        return PlaceAnswer(failure=ENDED)
    if len(body) > MOST_BYTES:
        return PlaceAnswer(failure=TOO_LARGE)
    # A script may echo the request, and a report must not contain a secret.
    shown = body.replace(key.encode(), _KEY) if key else body
    return PlaceAnswer.of(response.status_code, headers, shown)


def _prepared(
    session: requests.Session,
    deployment: Deployment | Address,
    request: ScoringRequest,
    *,
    key: str,
) -> requests.PreparedRequest:
    import requests

    parts = urlsplit(deployment.scoring_uri)
    # The part before /score is the place's path to the service.
    base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/score')}"
    session.headers.clear()
    prepared = session.prepare_request(requests.Request(request.method, base + request.path))
    if key:
        prepared.headers["Authorization"] = f"Bearer {key}"
    prepared.headers.update(request.headers)
    prepared.prepare_body(request.body if request.body or request.method == "POST" else None, None)
    return prepared


def _read(response: requests.Response, deadline: Deadline) -> bytes:
    # read1 returns the available bytes, so that the deadline also holds for a slow answer.
    content = bytearray()
    while len(content) <= MOST_BYTES and (chunk := response.raw.read1(_CHUNK_BYTES)):
        content += chunk
        deadline.check()
    return bytes(content)
