"""The WSGI application of an offline workspace: named calls, and the faults injected into them."""

from __future__ import annotations

import errno
import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from modelship.testing.offline.absences import refusal_of
from modelship.testing.offline.document_store import BrokenRecordError
from modelship.testing.offline.json_exchange import (
    LARGEST_BODY_BYTES,
    RefusalError,
    json_object,
    json_response,
)
from modelship.testing.offline.request_guard import Door, by_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from modelship.testing.offline.faults import Faults
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.request_guard import Guard

__all__ = ["App", "Call", "Part", "answers"]

DROP = "modelship.drop"
"""The key in the WSGI environment of a callable that closes the connection without an answer."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_MOST_SAID = 100
_IN_WORKSPACE = "/<workspace>/"
_log = logging.getLogger(__name__)


class _Request(Request):
    max_content_length = LARGEST_BODY_BYTES


@dataclass(frozen=True)
class Call:
    """One call that the workspace answers.

    Parameters
    ----------
    name : str
        The name that faults refer to: ``<noun>.<verb>``, such as ``"services.create"``.
    method : str
        The HTTP method.
    path : str
        A routing rule of werkzeug, such as ``"/models/<name>"``.
    answer : Callable
        Returns the response, or the JSON of one; None is an empty object. Its parameters name what
        it gets: variables of the path or ``scope``, all of them; ``request``; and ``body``, the
        JSON object in the request.
    door : Door
        The credentials that it requires.
    refusal : type[RefusalError]
        The shape of the response to an unauthorized request.
    shape : dict
        The shape of the body.
    """

    name: str
    method: str
    path: str
    answer: Callable[..., Any]
    door: Door = Door.TOKEN
    refusal: type[RefusalError] = RefusalError
    shape: dict[str, Any] = field(default_factory=dict)

    def respond(self, request: Request, values: dict[str, Any]) -> Response:
        """Answer a request; `values` are the variables of its path."""
        given = {"request": request, "scope": values, **values}
        if "body" in self._takes:
            given["body"] = json_object(request, self.shape)
        found = self.answer(**{name: given[name] for name in self._takes & given.keys()})
        if isinstance(found, Response):
            return found
        return json_response({} if found is None else found)

    @cached_property
    def _takes(self) -> set[str]:
        return set(inspect.signature(self.answer).parameters)


_Answer = TypeVar("_Answer", bound=Callable[..., Any])


def answers(name: str, method: str, path: str, **options: Any) -> Callable[[_Answer], _Answer]:
    """Mark a method of a :class:`Part` as the answer to a :class:`Call` with these options."""

    def marked(answer: _Answer) -> _Answer:
        vars(answer).setdefault("marks", []).append(Call(name, method, path, answer, **options))
        return answer

    return marked


class Part:
    """A part of a workspace, which answers the calls that :func:`answers` marks its methods for.

    Parameters
    ----------
    context : Context
        The state that the parts of the workspace share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._identity = context.identity

    def calls(self) -> list[Call]:
        """Return the calls that it answers."""
        return [
            replace(call, answer=getattr(self, name))
            for name, each in vars(type(self)).items()
            for call in getattr(getattr(each, "__func__", each), "marks", ())
        ]


class App:
    """Answers calls.

    Parameters
    ----------
    calls : Iterable[Call]
        The calls that it answers.
    faults : Faults
        Checked before each call.
    guard : Guard
        Checked before anything else.
    """

    def __init__(self, calls: Iterable[Call], faults: Faults, *, guard: Guard) -> None:
        self.calls = {call.name: call for call in calls}
        """The calls, by name."""
        self._faults = faults
        self.guard = guard
        """The first handler of every request."""
        self._said: set[str] = set()
        self._map = _map_of(
            tuple((call.name, call.method, call.path) for call in self.calls.values())
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The SDK joins "https://management.azure.com/" and "/subscriptions/…".
        environ["PATH_INFO"] = "/" + environ["PATH_INFO"].lstrip("/")
        answer = self._answer(_Request(environ))
        answer.headers["X-Content-Type-Options"] = "nosniff"  # logs are opened in browsers
        return answer(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            self.guard.check_caller(request)  # also for paths that do not exist
            name, values = self._map.bind_to_environ(request.environ).match()
            call = self.calls[name]
            self._let_in(call, request, values)
            return self._meet_faults(call, request, values)
        except RefusalError as refusal:
            return refusal.response()
        except (NotFound, MethodNotAllowed) as error:
            return self._refuse_absent(request, status=error.code).response()
        except HTTPException as error:
            return RefusalError(error.code or 500, error.name, error.description or "").response()
        except Exception as error:  # noqa: BLE001 - no traceback is sent to a client
            return _failure(request, error).response()

    def _refuse_absent(self, request: Request, *, status: int) -> RefusalError:
        refusal = refusal_of(request.method, request.path, host=request.host, status=status)
        if refusal.message not in self._said and len(self._said) < _MOST_SAID:
            self._said.add(refusal.message)
            _log.warning("%s", refusal.message)  # once, also in the terminal of the workspace
        return refusal

    def _let_in(self, call: Call, request: Request, values: Mapping[str, str]) -> None:
        try:
            self.guard.check(request, call.door)
            if _IN_WORKSPACE in call.path:
                self.guard.check_scope(values)
        except RefusalError as refusal:
            raise call.refusal(refusal.status, refusal.code, refusal.message) from None

    def _meet_faults(self, call: Call, request: Request, values: Any) -> Response:
        fault = self._faults.of_call(call.name, by_token=by_token(request))
        if fault is None:
            return call.respond(request, values)
        time.sleep(fault.delay_s)
        harmless = not fault.drop and fault.status is None
        answer = call.respond(request, values) if fault.after or harmless else None
        if fault.drop:
            request.environ[DROP]()
        if fault.status is not None:
            message = fault.message.replace("{endpoint}", values.get("endpoint", ""))
            refusal = call.refusal(fault.status, fault.code, message)
            refusal.details = fault.details
            raise refusal
        return answer or Response(status=500)


@lru_cache(maxsize=4)
def _map_of(calls: tuple[tuple[str, str, str], ...]) -> Map:
    """Return the map of calls, each a name, a method and a path.

    Creating it takes a tenth of a second of CPU time, so the workspaces of a process share it.
    """
    rules = [Rule(path, endpoint=name, methods=[method]) for name, method, path in calls]
    return Map(rules, strict_slashes=False, merge_slashes=False)


def _failure(request: Request, error: Exception) -> RefusalError:
    """Return the response to a request that failed because of the disk, or a bug of ours."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENAMETOOLONG:
        return RefusalError(400, "NameTooLong", "The name is too long for a file on this machine.")
    if number in _NO_ROOM:
        return RefusalError(507, "InsufficientStorage", "The disk of the workspace is full.")
    if isinstance(error, BrokenRecordError):
        return RefusalError(500, "BrokenRecord", str(error))
    _log.error("%s %r failed", request.method, request.path, exc_info=error)
    return RefusalError(500, "InternalError", "The offline workspace failed; see its log.")
