"""Convert a request to the arguments of run(), for each of its three input styles."""

from __future__ import annotations

import codecs
import inspect
import json
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from .http_contract import NOT_FAILED, HttpAnswer, error
from .logs import logger
from .media import media_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .http_contract import Request

__all__ = ["Inputs", "RawInput", "Refused", "SchemaInput", "TextInput"]

_HTML = b"content-type: text/html; charset=utf-8\r\n"


class Refused(Exception):  # noqa: N818 - it carries an answer, which is no error of the server
    """The request contains no valid arguments; `answer` is the response."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Inputs(ABC):
    """How run() takes its input.

    Parameters
    ----------
    takes_headers : bool
        Whether run() has a parameter ``request_headers``.
    """

    is_raw: ClassVar[bool] = False

    def __init__(self, *, takes_headers: bool) -> None:
        self.takes_headers = takes_headers

    def arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments by name.

        Raises
        ------
        Refused
            If the request does not contain them.
        """
        if request.method == "POST":
            found = self._of_post(request)
        elif request.method == "GET":
            found = self._of_get(request)
        elif request.method == "OPTIONS":
            raise Refused(HttpAnswer(200, b"", _HTML + NOT_FAILED))
        else:
            raise Refused(error(405, "Method not allowed"))
        if self.takes_headers:
            found["request_headers"] = headers_of(request)
        return found

    def reads_json(self, request: Request) -> bool:
        """Return whether a POST of this type is parsed as JSON, by run() or before it."""
        return is_json(request)

    @abstractmethod
    def _of_post(self, request: Request) -> dict[str, Any]: ...

    @abstractmethod
    def _of_get(self, request: Request) -> dict[str, Any]: ...


class TextInput(Inputs):
    """run() takes one string: the body, or the query as JSON."""

    def __init__(self, name: str, *, takes_headers: bool) -> None:
        super().__init__(takes_headers=takes_headers)
        self._name = name

    def reads_json(self, request: Request) -> bool:
        return not _is_form(request.fields.get(b"content-type", b""))

    def _of_post(self, request: Request) -> dict[str, Any]:
        if _is_form(request.fields.get(b"content-type", b"")):
            if request.body:
                _say_form()
            return {self._name: ""}  # flask has already parsed it
        try:
            return {self._name: str(request.body, "utf-8")}
        except UnicodeDecodeError as cause:
            raise Refused(error(400, f"Input cannot be decoded as UTF-8: {cause}")) from None

    def _of_get(self, request: Request) -> dict[str, Any]:
        return {self._name: json.dumps(query_of(request))}


@cache
def _say_form() -> None:
    """Log it once per worker."""
    logger.warning(
        "run() was given an empty text: a body of the type application/x-www-form-urlencoded, as "
        "curl -d sends it, is taken for a form. Send it with -H 'Content-Type: application/json'."
    )


class SchemaInput(Inputs):
    """run() takes the inference-schema parameters: the values of a JSON object by key."""

    def __init__(self, parameters: Sequence[inspect.Parameter], *, takes_headers: bool) -> None:
        super().__init__(takes_headers=takes_headers)
        self._defaults = {each.name: each.default for each in parameters}

    def _of_post(self, request: Request) -> dict[str, Any]:
        if not is_json(request):
            raise Refused(error(415, "Expects Content-Type to be application/json"))
        try:
            body = json.loads(request.body)
        except json.JSONDecodeError as cause:
            message = f"POST body could not be decoded as JSON: {cause}"
            if not request.body:
                message = "POST body is empty. Expecting a JSON dictionary."
            raise Refused(error(400, message)) from None
        if not isinstance(body, dict):
            raise Refused(error(400, "POST body should be a JSON dictionary."))
        return self._taken(body)

    def _of_get(self, request: Request) -> dict[str, Any]:
        return self._taken(query_of(request))

    def _taken(self, body: dict[str, Any]) -> dict[str, Any]:
        found = {name: body.get(name, default) for name, default in self._defaults.items()}
        for name, value in found.items():
            if value is inspect.Parameter.empty:
                message = f"A value is not provided for the {name!r} parameter."
                raise Refused(error(400, message))
        return found


class RawInput(Inputs):
    """run() takes the flask request, for any method."""

    is_raw = True

    def __init__(self, name: str, *, takes_headers: bool) -> None:
        super().__init__(takes_headers=takes_headers)
        self._name = name

    def arguments(self, request: Request) -> dict[str, Any]:
        import flask

        found: dict[str, Any] = {self._name: flask.request}
        if self.takes_headers:
            found["request_headers"] = headers_of(request)
        return found

    _of_post = _of_get = arguments


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers with names like ``Content-Type``; repeated ones joined by commas."""
    return {
        name.decode("latin-1").title(): value.decode("latin-1")
        for name, value in request.fields.items()
    }


def query_of(request: Request) -> dict[str, Any]:
    """Return the query: values parsed as JSON if valid, and a list for a repeated key."""
    found: dict[str, list[Any]] = {}
    text = request.query.decode("latin-1")
    for key, value in parse_qsl(text, keep_blank_values=True, errors="modelship.percent"):
        found.setdefault(key, []).append(_as_json(value))
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def is_json(request: Request) -> bool:
    """Return whether the content type of the body is JSON."""
    content_type = request.fields.get(b"content-type", b"")
    if content_type == b"application/json":
        return True
    kind = media_type(content_type)
    is_kind_of = kind.startswith(b"application/") and kind.endswith(b"+json")
    return kind == b"application/json" or is_kind_of


def _is_form(content_type: bytes) -> bool:
    if not content_type or content_type == b"application/json":
        return False
    kind = media_type(content_type)
    is_parted = kind == b"multipart/form-data" and b"boundary=" in content_type.lower()
    return is_parted or kind == b"application/x-www-form-urlencoded"


def _percent(problem: UnicodeError) -> tuple[str, int]:
    """Keep bytes of a query that are not UTF-8 percent-encoded; an error handler for codecs."""
    assert isinstance(problem, UnicodeDecodeError)  # noqa: S101 - nothing is encoded with it
    wrong = problem.object[problem.start : problem.end]
    return "".join(f"%{byte:02X}" for byte in wrong), problem.end


codecs.register_error("modelship.percent", _percent)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
