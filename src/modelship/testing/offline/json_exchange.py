"""Exchange JSON of bounded size and depth with a client, and refuse requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from werkzeug.wrappers import Request

__all__ = [
    "LARGEST_BODY_BYTES",
    "NUMBER",
    "RefusalError",
    "as_reason",
    "check_shape",
    "filled",
    "json_list",
    "json_object",
    "json_patch",
    "json_response",
    "json_value",
    "mismatch",
    "optional",
]

LARGEST_BODY_BYTES = 1 << 24
"""The maximum size of a request's body, except for blobs."""

NUMBER: Final = (int, float)

_DEEPEST = 64
_LONGEST_REASON = 500
_LARGEST_NUMBER = 1 << 63
_ANY_OBJECT: dict[str, Any] = {}


class RefusalError(Exception):
    """A request gets an error response, in the shape of Azure ML's services.

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
        self.details: Sequence[Mapping[str, str]] = ()
        """The errors behind it, each with a code and a message."""

    def response(self) -> Response:
        """Return the response, with the message in each place that a client of the SDK reads."""
        root = {"code": self.code, "message": self.message, "details": [*self.details]}
        body = {
            "code": self.code,
            "statusCode": self.status,
            "message": self.message,
            "details": [],
            # The only field that the models client shows.
            "correlation": {"message": self.message},
            # The resource manager and the run history nest it once more. The SDK fails to print an
            # error without details.
            "error": root,
        }
        answer = json_response(body, status=self.status)
        # The only field that the datasets client shows.
        answer.status = f"{self.status} {as_reason(self.message)}"
        return answer


def json_response(body: Any, *, status: int = 200, **headers: str) -> Response:
    """Return a JSON response; ``Operation_Location="…"`` becomes that header."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status=status, mimetype="application/json", headers=names)


def json_list(values: list[Any]) -> dict[str, Any]:
    """Return values, all on one page, in the SDK's format for pages."""
    return {"value": values, "continuationToken": None}


def json_value(request: Request, *, constant: Callable[[str], Any] | None = None) -> Any:
    """Return the body of a request.

    Parameters
    ----------
    request : Request
        The request.
    constant : Callable, optional
        Accepts ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which are not JSON, and returns their
        value. Without it they are refused.

    Raises
    ------
    RefusalError
        If it is not JSON of Unicode text, or nested too deeply.
    """
    try:
        value = json.loads(request.get_data(), parse_constant=constant or _refuse)
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


def json_object(request: Request, shape: dict[str, Any] = _ANY_OBJECT) -> dict[str, Any]:
    """Return the body of a request, an object of this shape; otherwise as :func:`json_value`."""
    value: dict[str, Any] = json_value(request)
    check_shape(value, shape)
    return value


def json_patch(request: Request) -> list[dict[str, Any]]:
    """Return the body of a request, a JSON patch (RFC 6902); otherwise as :func:`json_value`."""
    value: list[dict[str, Any]] = json_value(request)
    check_shape({"the patch": value}, {"the patch": list})
    check_shape({"the patch": value}, {"the patch": [{"op": str, "path": str}]})
    return value


def check_shape(value: object, shape: dict[str, Any]) -> None:
    """Refuse a value of another shape."""
    if place := mismatch(value, shape):
        raise RefusalError(400, "BadArgument", f"{place} is missing, or of another type.")


def optional(*types: type) -> tuple[type, ...]:
    """Return the shape of a value that has one of these types, is null, or is missing."""
    return (*types, type(None))


def filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given value of each field, or else its default."""
    return {field: given.get(field) or default for field, default in defaults.items()}


def mismatch(found: object, shape: Any, *, at: str = "the body") -> str:
    """Return where a value first differs from a shape, or ``""``.

    Parameters
    ----------
    found : JSON value
        The parsed value.
    shape : type, tuple, list or dict
        A type, or several of them; a list with the shape of each element, which may be omitted; or
        a dictionary with the checked fields and their shapes.
    at : str
        The name of the value in messages.
    """
    if isinstance(shape, dict):
        if not isinstance(found, dict):
            return at
        places = (mismatch(found.get(name), inner, at=name) for name, inner in shape.items())
    elif isinstance(shape, list):
        if not isinstance(found, (list, type(None))):
            return at
        places = (mismatch(each, shape[0], at=at) for each in found or ())
    else:
        return "" if isinstance(found, shape) else at
    return next(filter(None, places), "")


def as_reason(message: str) -> str:
    """Return a message as the reason phrase of a status line (RFC 9112, section 4)."""
    plain = message.encode("ascii", "replace").decode()
    printable = "".join(each if each.isprintable() else " " for each in plain)
    return " ".join(printable.split())[:_LONGEST_REASON] or "Refused"


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _is_plain(value: Any) -> bool:
    """Return whether a value is not too deep, and its numbers and text have a plain form."""
    levels = [value]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for each in levels:
            if isinstance(each, str):
                each.encode()  # UnicodeEncodeError, a ValueError, for half of a surrogate pair
            elif isinstance(each, int) and abs(each) >= _LARGEST_NUMBER:
                return False
            elif isinstance(each, dict):
                inner += [*each, *each.values()]
            elif isinstance(each, list):
                inner += each
        if not inner:
            return True
        levels = inner
    return False
