"""What is exchanged with a client: JSON that is bounded in size and depth, and refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

__all__ = [
    "LARGEST_BODY_BYTES",
    "RefusalError",
    "json_list",
    "json_object",
    "json_response",
    "json_value",
]

LARGEST_BODY_BYTES = 1 << 24
"""How long the body of a request may be; that of a blob may be longer."""

_DEEPEST = 64


class RefusalError(Exception):
    """A request is answered with an error, in the shape of Azure ML's services.

    Parameters
    ----------
    status : int
        The HTTP status.
    code : str
        Such as ``"ModelNotFound"``.
    message : str
        A sentence.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """Return the answer."""
        body = {
            "code": self.code,
            "statusCode": self.status,
            "message": self.message,
            # ARM wraps it once more, and the SDK reads either.
            "error": {"code": self.code, "message": self.message},
        }
        return json_response(body, status=self.status)


def json_response(body: Any, *, status: int = 200, **headers: str) -> Response:
    """Return an answer of JSON; ``Operation_Location="…"`` becomes that header."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status=status, mimetype="application/json", headers=names)


def json_value(request: Request) -> Any:
    """Return the body of a request.

    Raises
    ------
    RefusalError
        If it is not JSON of Unicode text, or nested too deeply.
    """
    try:
        value = json.loads(request.get_data())
        fits = _is_plain(value)
    except (ValueError, RecursionError):
        fits = False
    except RequestEntityTooLarge:
        message = f"The body of the request is longer than {LARGEST_BODY_BYTES} bytes."
        raise RefusalError(413, "RequestBodyTooLarge", message) from None
    if not fits:
        message = f"The body is not JSON of Unicode text with at most {_DEEPEST} levels."
        raise RefusalError(400, "BadArgument", message)
    return value


def json_object(request: Request) -> dict[str, Any]:
    """Return the body of a request, a JSON object; otherwise as :func:`json_value`."""
    value = json_value(request)
    if not isinstance(value, dict):
        raise RefusalError(400, "BadArgument", "The body of the request is not a JSON object.")
    return value


def json_list(request: Request) -> list[dict[str, Any]]:
    """Return the body of a request, a list of JSON objects; otherwise as :func:`json_value`."""
    value = json_value(request)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        message = "The body of the request is not a list of JSON objects."
        raise RefusalError(400, "BadArgument", message)
    return value


def _is_plain(value: Any) -> bool:
    """Return whether a value is not too deep, and each text in it can be written as UTF-8."""
    levels = [value]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for each in levels:
            if isinstance(each, str):
                each.encode()  # UnicodeEncodeError, a ValueError, for half of a surrogate pair
            elif isinstance(each, dict):
                inner += [*each, *each.values()]
            elif isinstance(each, list):
                inner += each
        if not inner:
            return True
        levels = inner
    return False
