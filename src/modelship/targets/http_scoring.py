"""Send scoring requests with a deadline, and probe the health of a service."""

from __future__ import annotations

import json
import uuid
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelship.diagnosis.redaction import hidden
from modelship.errors import (
    InvalidPayloadError,
    ScoringRequestError,
    ScoringTimeoutError,
    ServiceUnreachableError,
)
from modelship.progress import Deadline, DeadlineExceededError
from modelship.server import not_json
from modelship.targets.endpoint_answers import container_status, explained_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

__all__ = ["answers", "fetch", "score", "session_towards"]

_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 1 << 16
_ERROR_STATUS = 400
_BODY_SHOWN = 2000
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def score(
    scoring_uri: str,
    payload: object,
    *,
    timeout_s: float,
    key: str | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Any:
    """POST one payload and return the decoded answer.

    Parameters
    ----------
    scoring_uri : str
        The scoring URI.
    payload : JSON value, array, str or bytes
        A str or bytes is sent unchanged; anything else is serialized as JSON.
    timeout_s : float
        The deadline of the whole answer, in seconds.
    key : str, optional
        A key of the service, sent as ``Authorization: Bearer``.
    headers : Mapping[str, str]
        Further headers of the request.

    Returns
    -------
    JSON value, str or bytes
        Decoded by the answer's content type: JSON decoded, text as str, anything else as bytes.

    Raises
    ------
    ScoringError
        If the payload is not JSON serializable, the service does not answer, or not in time, or
        answers with a status of 400 or more.
    """
    body = _encode(payload)
    request_id = str(uuid.uuid4())
    sent = {"Content-Type": "application/json", "x-request-id": request_id, **headers}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    response, content = _exchange("POST", scoring_uri, body, headers=sent, timeout_s=timeout_s)
    try:
        if response.status_code < _ERROR_STATUS:
            return _decode(response.headers.get("Content-Type", ""), content)
    except ValueError:  # it is not valid JSON, despite its content type
        pass
    said = _of_body(body) or _of_front(response, content)
    raise _refusal(scoring_uri, response, content, request_id=request_id, **said)


def fetch(
    uri: str,
    *,
    timeout_s: float,
    key: str | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> str:
    """GET a page of a service, such as its description, and return the text.

    Parameters
    ----------
    uri : str
        The URL of the page.
    timeout_s : float
        The deadline of the whole page, in seconds.
    key : str, optional
        A key of the service, sent as ``Authorization: Bearer``.
    headers : Mapping[str, str]
        Further headers of the request.

    Raises
    ------
    ScoringError
        If the service does not answer, or not in time, or with a status of 400 or more.
    """
    sent = {**headers} if key is None else {**headers, "Authorization": f"Bearer {key}"}
    response, content = _exchange("GET", uri, None, headers=sent, timeout_s=timeout_s)
    if response.status_code >= _ERROR_STATUS:
        raise _refusal(uri, response, content, request_id="")
    return content.decode(errors="replace")


def _refusal(
    uri: str, response: requests.Response, content: bytes, *, request_id: str, **said: str
) -> ScoringRequestError:
    status = response.status_code
    return ScoringRequestError(
        scoring_uri=uri,
        status=container_status(status, response.headers) or status,
        request_id=response.headers.get("x-request-id", request_id),
        body=hidden(content.decode(errors="replace"))[:_BODY_SHOWN],
        **said,
    )


def answers(scoring_uri: str, *, path: str = "/", timeout_s: float = 2.0) -> bool:
    """Return whether the health route of a service reports that it is healthy."""
    import requests

    parts = urlsplit(scoring_uri)
    try:
        with session_towards(scoring_uri) as session:
            response = session.get(f"{parts.scheme}://{parts.netloc}{path}", timeout=timeout_s)
            return response.ok
    except requests.RequestException:
        return False


def session_towards(scoring_uri: str) -> requests.Session:
    """Return a session for requests to a service."""
    import requests

    session = requests.Session()
    # Requests to this machine must not go through a proxy for the internet.
    session.trust_env = urlsplit(scoring_uri).hostname not in _LOOPBACK
    return session


def _encode(payload: object) -> bytes:
    from modelship.bundle.payload import to_json

    if isinstance(payload, bytes):
        return payload
    try:
        return (payload if isinstance(payload, str) else to_json(payload)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayloadError(problem=str(error)) from error


def _of_body(body: bytes) -> dict[str, str]:
    """Return the problem and the advice if a body holds a Python literal instead of JSON."""
    try:
        json.loads(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        if said := not_json.explained(error):
            return {"problem": f"the body is not JSON: {said}", "advice": not_json.REMEDY}
    except (ValueError, RecursionError):  # not text, or nested very deeply
        pass
    return {}


def _of_front(response: requests.Response, content: bytes) -> dict[str, str]:
    text = content[:_BODY_SHOWN].decode(errors="replace")
    return explained_answer(response.status_code, response.headers, text)


def _exchange(
    method: str,
    scoring_uri: str,
    body: bytes | None,
    *,
    headers: Mapping[str, str],
    timeout_s: float,
) -> tuple[requests.Response, bytes]:
    import requests
    import urllib3

    deadline = Deadline(timeout_s)
    timeouts = (min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s)
    try:
        deadline.check()  # requests takes no timeout of 0
        with (
            session_towards(scoring_uri) as session,
            session.request(
                method, scoring_uri, data=body, headers=headers, timeout=timeouts, stream=True
            ) as response,
        ):
            return response, _read(response, deadline)
    except (
        requests.ReadTimeout,
        urllib3.exceptions.ReadTimeoutError,
        DeadlineExceededError,
    ) as error:
        raise ScoringTimeoutError(scoring_uri=scoring_uri, timeout_s=timeout_s) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        cause = type(error).__name__
        raise ServiceUnreachableError(scoring_uri=scoring_uri, cause=cause) from error


def _read(response: requests.Response, deadline: Deadline) -> bytes:
    # read1 returns the data that has arrived, so that a slow answer meets the deadline too.
    content = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        content += chunk
        deadline.check()
    return bytes(content)


def _decode(content_type: str, content: bytes) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return json.loads(content)
    return content.decode(errors="replace") if kind.startswith("text/") else content
