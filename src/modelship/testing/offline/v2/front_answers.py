"""What the front of a managed online endpoint answers itself, and what it adds to an answer."""

from __future__ import annotations

from typing import Final

from modelship.testing.offline.routes import HEAD_END, field_of

__all__ = ["NO_ROUTE", "as_model_error", "bytes_left", "refused", "status_of"]

NO_ROUTE: Final = (
    "No valid deployments to route to. Please check that the endpoint has at least one deployment "
    "with positive weight values or use a deployment specific header to route."
)
"""The answer if no deployment gets traffic."""

# By status: the reason phrase and the body.
_ANSWERS: Final = {
    404: ("Not Found", NO_ROUTE),
    408: ("Request Timeout", "upstream request timeout"),
    424: ("Failed Dependency", "upstream connect error or disconnect/reset before headers"),
    429: ("Too Many Requests", "Too many pending requests"),
    503: ("Service Unavailable", "no healthy upstream"),
}
_MODEL_ERROR: Final = 424
_BROKEN: Final = b"502"  # for a container that closes the connection without an answer


def refused(status: int) -> bytes:
    """Return the response of the front itself: 404, 408, 424, 429 or 503."""
    reason, text = (each.encode() for each in _ANSWERS[status])
    model = _model_fields(_BROKEN) if status == _MODEL_ERROR else b""
    return (
        b"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s"
    ) % (status, reason, model, len(text), text)


def status_of(head: bytes) -> bytes:
    """Return the status in the head of a response; empty if there is none."""
    return head.split(b" ", 2)[1][:3] if head.count(b" ") else b""


def bytes_left(response: bytes) -> float:
    """Return how many bytes follow the first ones of a response; infinity if it does not say."""
    length = field_of(response, b"content-length") or b""
    body = response.partition(HEAD_END)[2]
    return int(length) - len(body) if length.isdigit() else float("inf")


def as_model_error(response: bytes) -> bytes:
    """Return a response whose status, unless it is a success, is 424 with the status as a field."""
    status = status_of(response)
    if status.startswith(b"2"):
        return response
    _, end, rest = response.partition(b"\r\n")
    return b"HTTP/1.1 424 Failed Dependency" + end + _model_fields(status) + rest


def _model_fields(status: bytes) -> bytes:
    return (
        b"ms-azureml-model-error-statuscode: %s\r\nms-azureml-model-error-reason: model_error\r\n"
        % status
    )
