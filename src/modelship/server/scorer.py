"""Define Scorer: score one request, or several of a batchable script together."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import traceback
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from . import flasks, not_json
from .http_contract import (
    FAILED,
    INTERNAL_ERROR,
    JSON,
    NOT_FAILED,
    SCRIPT_ERROR,
    HttpAnswer,
    encode,
    error,
)
from .inputs import Refused
from .logs import last_line, logger, told
from .scoreboard import Field

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Sequence

    from .entry_script import EntryScript
    from .http_contract import Request
    from .scoreboard import Slot
    from .settings import Settings

__all__ = ["Scorer", "timing"]

_SCRIPT_EXITS = (SystemExit, KeyboardInterrupt)


class Scorer:
    """Calls the script's run(), in the main thread.

    Parameters
    ----------
    script : EntryScript
        The script, whose init() has run.
    settings : Settings
        The settings with the timeout, and `strict`.
    slot : Slot
        The slot for the counts.
    retire : callable
        Called when a script raises SystemExit or KeyboardInterrupt, instead of ending the process
        at once.
    """

    takes_several = False

    def __init__(
        self,
        script: EntryScript,
        settings: Settings,
        *,
        slot: Slot,
        retire: Callable[[], None],
    ) -> None:
        self._script = script
        self._run = script.run
        self._arguments = script.inputs.arguments
        self._strict = settings.strict
        self._slot = slot
        self._retire = retire
        self._alarm = _Alarm(settings.scoring_timeout_ms)
        self._in_flask = flasks.in_use()
        # For a script that modelship wrote: the counts of its table.
        counts = getattr(getattr(script.module, "table", None), "counts", None)
        self._counts = counts if isinstance(getattr(counts, "has_new", None), bool) else None
        self._keeps_bodies = bool(settings.capture_folder)

    def __call__(self, waiting: deque[Request]) -> Sequence[tuple[Request, HttpAnswer]]:
        """Score the next request, and return its response."""
        request = waiting.popleft()
        return [(request, self._answer(request))]

    def _answer(self, request: Request) -> HttpAnswer:
        if request.identities.too_long:
            return error(431, request.identities.too_long)
        try:
            with flasks.request_context(request) if self._in_flask else _NO_CONTEXT:
                return self._scored(request)
        except Exception as cause:  # noqa: BLE001 - nothing that a script returns may end the worker
            return self._internal_error(cause)

    def _scored(self, request: Request) -> HttpAnswer:
        try:
            arguments = self._arguments(request)
        except Refused as refused:
            return refused.answer
        except Exception as cause:  # noqa: BLE001 - a body that is not to be decoded; run() never ran
            logger.error("Encountered Exception: %s", traceback.format_exc())
            answer = error(500, INTERNAL_ERROR)
            answer.cause = last_line(cause)
            return answer
        return self._called(self._run, arguments, request)

    def _called(
        self, run: Callable[..., Any], arguments: dict[str, Any], request: Request
    ) -> HttpAnswer:
        """Call run() for one request, whose body has been converted to arguments."""
        if not self._keeps_bodies:
            request.body = b""
        began = time.perf_counter()
        try:
            with self._alarm:
                result = run(**arguments)
        except BaseException as cause:  # noqa: BLE001 - answered, logged, and for exits acted on
            failed = self._failure(cause)
            _say_of_body(cause, arguments)
            return failed
        finally:
            run_s = time.perf_counter() - began
            self._count_run(run_s)
        return self._answer_of(result, request, timing(run_s))

    def _answer_of(self, result: Any, request: Request, timing: bytes) -> HttpAnswer:
        answer = flasks.as_answer(result, request) if self._in_flask else None
        if type(result) is HttpAnswer:  # see aml.plain_response
            answer = result
        elif answer is None:
            answer = self._written(result, request)
        answer.head += timing
        return answer

    def _written(self, result: Any, request: Request) -> HttpAnswer:  # noqa: ARG002 - for typed scripts
        """Serialize a result in the format that the request accepts."""
        return self._as_json(result)

    def _as_json(self, result: Any) -> HttpAnswer:
        try:
            return HttpAnswer(200, encode(result, strict=self._strict), _SCORED)
        except (TypeError, ValueError, RecursionError):
            logger.error(_NO_JSON, type(result).__name__)
            raise

    def _failure(self, cause: BaseException) -> HttpAnswer:
        self._slot[Field.FAILED_RUNS] += 1
        logger.error("Encountered Exception: %s", told(cause))
        message = SCRIPT_ERROR
        if isinstance(cause, TimeoutError):
            self._slot[Field.TIMED_OUT_RUNS] += 1
            message = f"Scoring timeout after {self._alarm.timeout_ms} ms"
        elif isinstance(cause, _SCRIPT_EXITS):
            self._retire()
        answer = error(500, message, failed=True)
        answer.cause = last_line(cause)
        return answer

    def _internal_error(self, cause: BaseException) -> HttpAnswer:
        """Answer if the result of run() cannot be sent: as its failure, unless `strict`."""
        logger.error("Encountered Exception: %s", told(cause))
        answer = error(500, INTERNAL_ERROR)
        answer.cause = last_line(cause)
        if not self._strict:
            self._slot[Field.FAILED_RUNS] += 1
            answer.head = JSON + FAILED
        return answer

    def _count_run(self, run_s: float) -> None:
        slot = self._slot
        slot[Field.RUNS] += 1
        slot[Field.RUN_US] += int(run_s * 1e6)
        if self._counts is not None and self._counts.has_new:
            unseen, outside = self._counts.take()
            slot[Field.UNSEEN_VALUES] += unseen
            slot[Field.OUTSIDE_NUMBERS] += outside


def _say_of_body(cause: BaseException, arguments: dict[str, Any]) -> None:
    """Log why run() could not parse a body as JSON, if the reason is known."""
    if not isinstance(cause, json.JSONDecodeError) or cause.doc not in arguments.values():
        return
    if said := not_json.explained(cause):
        logger.error("The body of this request is not JSON: %s. %s", said, not_json.REMEDY)


def timing(run_s: float) -> bytes:
    """Return the header with the duration of run()."""
    return b"x-ms-run-fn-exec-ms: %.3f\r\n" % (run_s * 1000)


class _Alarm:
    """Raises TimeoutError in a run() over the timeout, by SIGALRM in the main thread.

    It uses setitimer(2). The timer is not set and cleared for each run, which would cost two system
    calls: it continues from one run to the next, and checks the duration of the current run when it
    fires. During run(), the event loop of its thread is hidden, so that run() can start one.
    """

    def __init__(self, timeout_ms: int) -> None:
        self.timeout_ms = timeout_ms
        self._timeout_s = timeout_ms / 1000
        self._began: float | None = None
        self._ticks = False
        self._loop: asyncio.AbstractEventLoop | None = None
        signal.signal(signal.SIGALRM, self._ring)

    def __enter__(self) -> None:
        self._loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for loops' authors
        asyncio._set_running_loop(None)  # noqa: SLF001 - as above
        self._began = time.perf_counter()
        if not self._ticks:
            self._ticks = True
            signal.setitimer(signal.ITIMER_REAL, self._timeout_s)

    def __exit__(self, *_: object) -> None:
        self._began = None
        asyncio._set_running_loop(self._loop)  # noqa: SLF001 - as above

    def _ring(self, *_: object) -> None:
        self._ticks = False
        if self._began is None:
            return
        left_s = self._began + self._timeout_s - time.perf_counter()
        if left_s <= 0:
            raise TimeoutError
        self._ticks = True
        signal.setitimer(signal.ITIMER_REAL, left_s)


_NO_CONTEXT = nullcontext()
_NO_JSON = (
    "run() returned a value of type %s that cannot be written as JSON. Return dicts, lists, text "
    "and Python's own numbers: a numpy array has .tolist(), a numpy number .item()."
)
_SCORED = JSON + NOT_FAILED
