"""The WSGI application of an offline workspace: calls with names, and faults planted in them."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from modelship.testing.offline.faults import Fault, Faults

__all__ = ["App", "Call", "RefusalError", "json_response"]

DROP = "modelship.drop"
"""The key in the WSGI environment whose value, a callable, closes the connection unanswered."""


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


@dataclass(frozen=True)
class Call:
    """One call that the workspace answers.

    Parameters
    ----------
    name : str
        What faults know it by: ``<noun>.<verb>``, such as ``"services.create"``.
    method : str
        The HTTP method.
    path : str
        A rule of werkzeug's routing, such as ``"/models/<name>"``.
    answer : Callable
        Takes the request, and the variables of the path as keywords; returns the answer.
    public : bool
        Whether it is answered without a bearer token.
    """

    name: str
    method: str
    path: str
    answer: Callable[..., Response]
    public: bool = False


class App:
    """Answers calls.

    Parameters
    ----------
    calls : Iterable[Call]
        What it knows.
    faults : Faults
        Asked before each of them.
    """

    def __init__(self, calls: Iterable[Call], faults: Faults) -> None:
        self._calls = {call.name: call for call in calls}
        self._faults = faults
        rules = [
            Rule(call.path, endpoint=call.name, methods=[call.method])
            for call in self._calls.values()
        ]
        self._map = Map(rules, strict_slashes=False, merge_slashes=False)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            name, values = self._map.bind_to_environ(request.environ).match()
            return self._meet_faults(self._calls[name], request, values)
        except RefusalError as refusal:
            return refusal.response()
        except NotFound:
            message = f"an offline workspace has no {request.method} {request.path}"
            return RefusalError(404, "NotFound", message).response()
        except HTTPException as error:
            return RefusalError(error.code or 500, error.name, error.description or "").response()

    def _meet_faults(self, call: Call, request: Request, values: Any) -> Response:
        fault = self._faults.of_call(call.name)
        if fault is None:
            return self._serve(call, request, values)
        time.sleep(fault.delay_s)
        answer = self._serve(call, request, values) if fault.after or _harmless(fault) else None
        if fault.drop:
            request.environ[DROP]()
        if fault.status is not None:
            raise RefusalError(fault.status, fault.code, fault.message)
        return answer or Response(status=500)

    @staticmethod
    def _serve(call: Call, request: Request, values: Any) -> Response:
        if not call.public:
            _check_token(request)
        return call.answer(request, **values)


def json_response(body: Any, *, status: int = 200, **headers: str) -> Response:
    """Return an answer of JSON; ``Operation_Location="…"`` becomes that header."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body), status=status, mimetype="application/json", headers=names)


def _harmless(fault: Fault) -> bool:
    return not fault.drop and fault.status is None


def _check_token(request: Request) -> None:
    """Refuse a request whose bearer token is missing, malformed or expired."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        raise RefusalError(401, "AuthenticationFailed", "the request has no bearer token")
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires_at = float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        message = "the bearer token is not a JWT with an expiry"
        raise RefusalError(401, "InvalidAuthenticationToken", message) from None
    if expires_at < time.time():
        message = "The access token has expired or is not yet valid."
        raise RefusalError(401, "ExpiredAuthenticationToken", message)
