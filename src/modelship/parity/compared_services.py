"""Provide the services to compare, and send requests to them over HTTP unchanged.

A temporary service is always deleted.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelship.comparison.answers import ENDED, MOST_BYTES, TOO_LARGE, TOO_SLOW, PlaceAnswer
from modelship.errors import InvalidOptionError, UnsupportedError
from modelship.progress import Deadline, DeadlineExceededError
from modelship.targets import Deployment, DeployTarget, Serving
from modelship.targets.http_scoring import answers, session_towards
from modelship.targets.keys import ServiceKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import requests

    from modelship.bundle import ScoringBundle
    from modelship.comparison.scoring_request import ScoringRequest

__all__ = ["Address", "ComparedService", "answer_over_http", "service_on"]

_PAUSE_S: Final = 0.1
_RESTART_S: Final = 30.0  # a server that has lost its worker starts another
_UNAUTHORIZED: Final = 401
_CONNECT_TIMEOUT_S: Final = 5.0
_CHUNK_BYTES: Final = 1 << 16
_KEY: Final = b"(the service's key)"


@dataclass(frozen=True)
class Address:
    """A service of which only the address is known.

    Parameters
    ----------
    scoring_uri : str
        The scoring URI; it ends in ``/score``.
    key : str
        The key of the service; empty if it needs none.

    Raises
    ------
    InvalidOptionError
        If it is not a scoring URI.
    """

    scoring_uri: str
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?/score", self.scoring_uri):
            expected = "the address of a service, such as http://127.0.0.1:5001/score"
            raise InvalidOptionError("scoring_uri", self.scoring_uri, expected)

    @property
    def swagger_uri(self) -> str:
        """The URI of the service's description."""
        return self.scoring_uri.removesuffix("/score") + "/swagger.json"

    def keys(self) -> ServiceKeys:
        """Return the key, twice; a service accepts either of two."""
        return ServiceKeys(self.key, self.key)


class ComparedService:
    """A deployment to which requests are sent.

    Parameters
    ----------
    deployment : Deployment or Address
        What answers.
    deploy_again : Callable, optional
        Deploys the service again; without it, the service is the user's own, and is only waited
        for.
    """

    def __init__(
        self,
        deployment: Deployment | Address,
        *,
        deploy_again: Callable[[], Deployment] | None = None,
    ) -> None:
        self.deployment = deployment
        self._deploy_again = deploy_again

    def bring_back(self, *, is_busy: bool) -> None:
        """Wait until it answers again; redeploy it if it does not, or is busy for long.

        A server with one worker answers nothing while run() is running, which may take an hour. One
        that has lost its worker is back in a few seconds.
        """
        may_wait = self._deploy_again is None or not is_busy
        deadline = Deadline(_RESTART_S if may_wait else 0.0)
        while not answers(self.deployment.scoring_uri, timeout_s=1.0):
            if not deadline.remaining_s:
                if self._deploy_again is not None:
                    self.deployment = self._deploy_again()
                return
            time.sleep(_PAUSE_S)


def _served(target: DeployTarget, serving: Serving | None) -> Serving | None:
    """Return a target's serving: its own, with the variables that all targets have."""
    own = target.serving
    if serving is None or own == Serving():
        return serving
    variables = {**serving.variables, **own.variables}
    return replace(own, variables=variables, secrets={**serving.secrets, **own.secrets})


@contextmanager
def service_on(
    place: str | DeployTarget | Deployment,
    *,
    bundle: ScoringBundle,
    serving: Serving | None,
    trust_model: bool,
    timeout_s: float,
    show_output: bool,
) -> Iterator[ComparedService]:
    """Yield a service: the given deployment, or a temporary one that is always deleted."""
    if isinstance(place, Deployment):
        yield ComparedService(place)
        return
    target = DeployTarget.open(place) if isinstance(place, str) else place
    name = f"parity-{secrets.token_hex(4)}"

    def deploy() -> Deployment:
        return target.deploy(
            bundle,
            name=name,
            serving=_served(target, serving),
            trust_model=trust_model,
            timeout_s=timeout_s,
            show_output=show_output,
        )

    def deploy_again() -> Deployment:
        target.delete(name, missing_ok=True)
        return deploy()

    try:
        yield ComparedService(deploy(), deploy_again=deploy_again)
    finally:
        target.delete(name, missing_ok=True)


def answer_over_http(
    service: ComparedService, requests_: Sequence[ScoringRequest], *, request_timeout_s: float
) -> list[PlaceAnswer]:
    """Send requests to a service one after the other, and return its answers.

    After a request without an answer, the service is restored, so that it is not busy with it when
    the next one is sent.
    """
    given: list[PlaceAnswer] = []
    key = _key(service.deployment, timeout_s=request_timeout_s) or ""
    for each in requests_:
        answer = _send(service.deployment, each, key=key, timeout_s=request_timeout_s)
        given.append(answer)
        if answer.failure and len(given) < len(requests_):
            service.bring_back(is_busy=answer.failure != ENDED)
            found = _key(service.deployment, timeout_s=request_timeout_s)
            key = key if found is None else found
    return given


def _key(deployment: Deployment | Address, *, timeout_s: float) -> str | None:
    """Return the service's key if it needs one, else ``""``; None if it does not say so."""
    import requests

    try:
        with session_towards(deployment.scoring_uri) as session:
            status = session.get(deployment.swagger_uri, timeout=timeout_s).status_code
        return deployment.keys().primary if status == _UNAUTHORIZED else ""
    except (requests.RequestException, UnsupportedError):
        return None  # each request reports its own result


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
