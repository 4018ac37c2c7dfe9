"""Define TypedScorer: the scoring path of scripts whose run() takes arrays.

If the script sets ``BATCHABLE = True``, queued requests are scored in one call, without waiting for
more, so that a single request is not delayed. If the call for all fails in any way, each request
has a call of its own, and its own response.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .arrays import (
    BadBody,
    CannotWrite,
    FallBack,
    merge,
    split,
    write_arrow,
    write_npy,
)
from .http_contract import NOT_FAILED, HttpAnswer, error
from .inputs import headers_of
from .media import media_type, preferred
from .scoreboard import Field
from .scorer import Scorer, timing

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from .arrays import TypedPlan
    from .entry_script import EntryScript
    from .http_contract import Request
    from .settings import Settings

__all__ = ["TypedScorer"]

_JSON = b"application/json"
_NPY = b"application/x-npy"
_ARROW_STREAM = b"application/vnd.apache.arrow.stream"
_ARROW_FILE = b"application/vnd.apache.arrow.file"

Job = tuple["Request", dict[str, Any]]


class TypedScorer(Scorer):
    """Calls the script's run() with arrays.

    Parameters
    ----------
    plan : TypedPlan
        How bodies become arguments.
    script, settings, **others
        As for :class:`Scorer`.
    """

    def __init__(
        self, plan: TypedPlan, script: EntryScript, settings: Settings, **others: Any
    ) -> None:
        super().__init__(script, settings, **others)
        self._plan = plan
        self._takes_headers = script.inputs.takes_headers
        self._reads_json = script.inputs.reads_json
        self._most_rows = settings.batch_rows
        # Arguments that depend on one request, such as its headers, cannot be merged.
        self.takes_several = script.batchable and not self._takes_headers and not self._in_flask
        binary = {
            _NPY: plan.read_npy,
            _ARROW_STREAM: plan.read_arrow,
            _ARROW_FILE: plan.read_arrow,
        }
        self._binary = {} if settings.strict else binary
        # All types that need no parsing of the header.
        self._readers = {_JSON: plan.read_json, **self._binary}

    def __call__(self, waiting: deque[Request]) -> Sequence[tuple[Request, HttpAnswer]]:
        """Score the queued requests, or one if it cannot be scored with others."""
        if not self.takes_several:
            return super().__call__(waiting)
        scored: list[tuple[Request, HttpAnswer]] = []
        jobs: list[Job] = []
        rows = 0
        while waiting and rows < self._most_rows:
            request = waiting.popleft()
            read = self._arguments_or_answer(request)
            if isinstance(read, HttpAnswer):
                scored.append((request, read))
                continue
            rows += _rows(read)
            if rows > self._most_rows:  # it does not fit, and is scored alone
                scored.append((request, self._answer_to(request, read)))
            else:
                jobs.append((request, read))
        if len(jobs) > 1:
            scored += self._scored_together(jobs)
        elif jobs:
            [(request, arguments)] = jobs
            scored.append((request, self._answer_to(request, arguments)))
        return scored

    def _scored(self, request: Request) -> HttpAnswer:
        read = self._read(request)
        if read is None:
            return super()._scored(request)
        return (
            read if isinstance(read, HttpAnswer) else self._called(self._plan.call, read, request)
        )

    def _arguments_or_answer(self, request: Request) -> dict[str, Any] | HttpAnswer:
        """Return the arguments; or the response, if the slow path had to produce it."""
        read = None if request.identities.too_long else self._read(request)
        return self._answer(request) if read is None else read

    def _read(self, request: Request) -> dict[str, Any] | HttpAnswer | None:
        """Return the arguments, or the error in the body; None if it needs the slow path."""
        content_type = request.fields.get(b"content-type", b"")
        read = self._readers.get(content_type) or self._binary.get(media_type(content_type))
        if read is None and self._reads_json(request):
            read = self._plan.read_json
        if read is None or request.method != "POST":
            return None
        try:
            found = read(request.body)
        except FallBack:
            return None
        except BadBody as bad:
            return error(bad.status, bad.message)
        if self._takes_headers:
            found["request_headers"] = headers_of(request)
        return found

    def _scored_together(self, jobs: list[Job]) -> list[tuple[Request, HttpAnswer]]:
        began = time.perf_counter()
        try:
            arguments, counts = merge([each for _, each in jobs])
            with self._alarm:
                result = self._plan.call(**arguments)
            run_s = time.perf_counter() - began
            parts = split(result, counts)
        except Exception:  # noqa: BLE001 - one of them is to blame, and will be told so
            return [(request, self._answer_to(request, each)) for request, each in jobs]
        self._count_run(run_s)
        self._slot[Field.BATCHED_REQUESTS] += len(jobs)
        self._slot[Field.BATCHED_ROWS] += sum(counts)
        told = timing(run_s)
        return [
            (request, self._guarded(part, request, told))
            for (request, _), part in zip(jobs, parts, strict=True)
        ]

    def _answer_to(self, request: Request, arguments: dict[str, Any]) -> HttpAnswer:
        try:
            return self._called(self._plan.call, arguments, request)
        except Exception as cause:  # noqa: BLE001 - nothing that a script returns may end the worker
            return self._internal_error(cause)

    def _guarded(self, part: Any, request: Request, told: bytes) -> HttpAnswer:
        try:
            return self._answer_of(part, request, told)
        except Exception as cause:  # noqa: BLE001 - as above
            return self._internal_error(cause)

    def _written(self, result: Any, request: Request) -> HttpAnswer:
        """Return an array as npy or Arrow if the request accepts it, and the rest as JSON."""
        wanted = preferred(request.fields.get(b"accept", b""), self._binary)
        if wanted is not None:
            try:
                body = write_npy(result) if wanted == _NPY else write_arrow(result)
            except CannotWrite:
                return self._as_json(result)
            kind = _NPY if wanted == _NPY else _ARROW_STREAM
            return HttpAnswer(200, body, b"content-type: %b\r\n" % kind + NOT_FAILED)
        return self._as_json(result)


def _rows(arguments: dict[str, Any]) -> int:
    for each in arguments.values():
        if hasattr(each, "dtype"):
            return len(each)
    return 1
