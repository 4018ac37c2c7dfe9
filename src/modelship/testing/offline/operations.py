"""Long-running operations, as the SDK follows them: state, step, and a growing log."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from werkzeug.wrappers import Response

from modelship.errors import ModelshipError
from modelship.staging import write_atomic
from modelship.testing.offline.control import MMS
from modelship.testing.offline.deployment_failures import DeploymentFailure, never_started
from modelship.testing.offline.json_exchange import json_response
from modelship.testing.offline.moments import moment
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door
from modelship.testing.offline.v2.managed_failures import build_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.offline_context import Context

__all__ = ["ENDED", "Operations", "Step"]

_ONE = f"{MMS}/operations/<operation>"

Step = Literal["BuildEnvironment", "BuildImage", "DeployService"]

ENDED = frozenset({"Succeeded", "Failed", "Cancelled", "TimedOut"})
"""The final states of an operation."""


class Operations(Part):
    """The operations of a workspace."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._documents = context.store.documents("operations")
        self._logs = context.store.folder / "logs"

    def begin(self, service: str, *, kind: str = "Service") -> str:
        """Record a new operation, on a service or another resource; return its id."""
        operation = str(uuid.uuid4())
        self._documents.put(
            operation,
            {
                "id": operation,
                "parentRequestId": operation,
                "operationType": kind,
                "state": "NotStarted",
                "createdTime": moment(),
                "resourceLocation": service if kind == "Service" else None,
                "streamingOperationLog": "",
            },
        )
        return operation

    def step(self, operation: str, step: Step, *lines: str) -> None:
        """Record the current step of an operation, with log lines for its observers."""
        with self._documents.lock:
            document = self._documents.get(operation)
            if document is None or document["state"] in ENDED:
                return
            log = "".join(f"{_entry(line)}#" for line in lines)
            self._documents.change(
                operation,
                state="Running",
                operationDetails={"subOperationType": step, "subOperationState": "Running"},
                streamingOperationLog=document["streamingOperationLog"] + log,
            )

    def write(self, operation: str, text: str) -> None:
        """Append to the build log of an operation."""
        self._logs.mkdir(exist_ok=True)
        with self._log_file(operation).open("a", encoding="utf-8") as file:
            file.write(f"{text.rstrip()}\n")

    def publish(self, operation: str) -> None:
        """Copy the build log of an operation to where users of SDK v2 look for it."""
        place = self._store.blob(build_log(operation))
        write_atomic(place, self.log(operation), durable=False)

    def end(
        self,
        operation: str,
        state: str,
        *,
        error: dict[str, Any] | None = None,
        location: str | None = None,
    ) -> None:
        """Record the end of an operation, unless it has ended.

        Its result is at `location`; if that is a path, clients get a signed address of it.
        """
        with self._documents.lock, suppress(KeyError):
            document = self._documents.get(operation)
            if document is not None and document["state"] not in ENDED:
                ended: dict[str, Any] = {"error": error} if error else {}
                ended |= {"resourceLocation": location} if location else {}
                self._documents.change(operation, state=state, endTime=moment(), **ended)

    def carry_out(self, operation: str, work: Callable[[], str | None]) -> None:
        """Do the work of an operation and record its end; `work` returns the result's location.

        An exception of `work` becomes the error of the operation, so that its observers are
        notified.
        """
        try:
            location = work()
        except DeploymentFailure as failure:
            self.end(operation, "Failed", error=failure.error)
        except Exception as error:  # noqa: BLE001 - as above
            words = str(error) if isinstance(error, ModelshipError) else repr(error)
            self.write(operation, words)
            self.end(operation, "Failed", error=never_started(words).error)
        else:
            self.end(operation, "Succeeded", location=location)

    def unfinished(self) -> list[str]:
        """Return the ids of operations that have not ended."""
        return [each["id"] for each in self._documents.all() if each["state"] not in ENDED]

    def find(self, operation: str) -> dict[str, Any]:
        """Return the document of an operation, or refuse the request that names it."""
        message = f"There is no operation {operation}."
        return self._documents.require(operation, "OperationNotFound", message)

    def log(self, operation: str) -> str:
        """Return the build log of an operation."""
        path = self._log_file(operation)
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def log_address(self, operation: str, request: Request) -> str:
        """Return the address of a build log, on the host that the client used.

        Users open this link in a browser.
        """
        return self._signed(f"{_path_of(operation, request)}/log", request)

    @staticmethod
    def accepted(operation: str, request: Request) -> Response:
        """Return the response to a started operation, with its address for this client."""
        address = f"{request.host_url.rstrip('/')}{_path_of(operation, request)}"
        return json_response({}, status=202, Operation_Location=address)

    def _signed(self, path: str, request: Request) -> str:
        query = self._context.guard.signed(path, permissions="r")
        return f"{request.host_url.rstrip('/')}{path}?{query}"

    @answers("operations.get", "GET", _ONE)
    def _get(self, request: Request, operation: str) -> dict[str, Any]:
        document = self.find(operation)
        offset = request.args.get("offset", 0, type=int)
        document["streamingOperationLog"] = document["streamingOperationLog"][max(0, offset) :]
        location = str(document.get("resourceLocation") or "")
        if location.startswith("/"):
            document["resourceLocation"] = self._signed(location, request)
        return document | {"operationLog": self.log_address(operation, request)}

    @answers("operations.log", "GET", f"{_ONE}/log", door=Door.ADDRESS)
    def _log(self, request: Request, operation: str) -> Response:
        """Answer with the log, or with the part that a client does not have yet."""
        self.find(operation)
        content = self.log(operation).encode()
        answer = Response(content, mimetype="text/plain")
        return answer.make_conditional(request, accept_ranges=True, complete_length=len(content))

    def _log_file(self, operation: str) -> Path:
        return self._logs / f"{operation}.build.txt"


def _path_of(operation: str, request: Request) -> str:
    """Return the path of an operation, in the workspace that the request is about."""
    scope = request.path[request.path.index("/subscriptions/") :].split("/")[:9]
    return f"/modelmanagement/v1.0{'/'.join(scope)}/operations/{operation}"


def _entry(line: str) -> str:
    """Return a line in the SDK's format: split into entries at "#", into time and text at "|"."""
    now = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S")
    return f"{now}|{line.replace('|', '/').replace('#', 'no. ')}"
