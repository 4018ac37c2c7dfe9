"""Score pieces in a worker of an engine, with scoring processes that are kept between pieces."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, suppress
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Final

from modelship.batch.engines.sent_work import received_bundle
from modelship.batch.piece_work import score_piece
from modelship.batch.process_limits import cores, thread_limits
from modelship.batch.scoring_process import ScoringProcess, scoring_place
from modelship.bundle import ScoringBundle
from modelship.errors import DigestMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_progress import PieceProgress
    from modelship.batch.piece_work import PieceOutcome, Work
    from modelship.batch.scoring_process import ScoringPlace

__all__ = ["IDLE_S", "WorkerPlace", "close_here", "score_here"]

IDLE_S: Final = 30.0
"""How long scoring processes are kept without a piece, in seconds: a killed driver ends nothing."""

_PLACES: dict[str, WorkerPlace] = {}
_LOCK = threading.Lock()


def score_here(
    work: Work, piece: Piece, *, tell: Callable[[PieceProgress], None] = lambda _progress: None
) -> PieceOutcome:
    """Score a piece in this worker; the place of its job is prepared for the first one.

    `tell` is called with its progress, about once a second.

    Raises
    ------
    BatchEngineError
        If the worker does not see the output of the job.
    ScriptNotReadyError, OSError, pyarrow.ArrowException
        As :func:`score_piece`.
    """
    while True:
        with _LOCK:
            place = _PLACES.get(work.bundle)
            if place is None or place.is_closed:
                place = _PLACES[work.bundle] = WorkerPlace(work)
        with suppress(_ClosedError):
            return place.score(work, piece, tell=tell)


def _suppressing(tell: Callable[[PieceProgress], None]) -> Callable[[PieceProgress], None]:
    def tell_if_possible(progress: PieceProgress) -> None:
        with suppress(Exception):  # the driver shows less, and that is all
            tell(progress)

    return tell_if_possible


def close_here(bundle: str = "") -> None:
    """End the scoring processes of a job in this worker; without a bundle, those of all jobs."""
    with _LOCK:
        ending = [_PLACES.pop(each, None) for each in ([bundle] if bundle else list(_PLACES))]
    for each in filter(None, ending):
        each.close()


# Unlike atexit, it is also called in processes that multiprocessing started.
Finalize(None, close_here, exitpriority=10)


class _ClosedError(Exception):
    """The place was closed because it was idle: another one is to be prepared."""


class WorkerPlace:
    """The environment and the files of a job in this worker, with its scoring processes.

    Parameters
    ----------
    work : Work
        What the pieces of the job have in common.
    idle_s : float
        How long it is kept without a piece, in seconds.
    place : Callable
        Prepares where scoring processes start; see :func:`scoring_place`.
    """

    def __init__(
        self,
        work: Work,
        *,
        idle_s: float = IDLE_S,
        place: Callable[..., AbstractContextManager[ScoringPlace]] = scoring_place,
    ) -> None:
        self._work = work
        self._idle_s = idle_s
        self._prepare = place
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._place: ScoringPlace | None = None
        self._free: list[ScoringProcess] = []
        self._pieces = 0
        self._used_s = time.monotonic()
        self._closed = threading.Event()
        threading.Thread(target=self._close_once_idle, daemon=True).start()

    @property
    def is_closed(self) -> bool:
        """Whether it scores no more."""
        return self._closed.is_set()

    def score(
        self,
        work: Work,
        piece: Piece,
        *,
        tell: Callable[[PieceProgress], None] = lambda _progress: None,
    ) -> PieceOutcome:
        """Score a piece with a scoring process that scores nothing else meanwhile.

        An error of `tell` costs no piece.
        """
        self._enter()
        try:
            process = self._taken()
            try:
                return score_piece(work, piece, process, tell=_suppressing(tell))
            finally:
                self._give_back(process)
        finally:
            self._leave()

    def close(self) -> None:
        """End the scoring processes; those with a piece end within a second."""
        with self._lock:
            is_last = not (self.is_closed or self._pieces)
            self._closed.set()
        if is_last:
            self._clear()

    def _enter(self) -> None:
        with self._lock:
            if self.is_closed:
                raise _ClosedError
            self._pieces += 1

    def _leave(self) -> None:
        with self._lock:
            self._pieces -= 1
            self._used_s = time.monotonic()
            is_last = self.is_closed and not self._pieces
        if is_last:
            self._clear()

    def _taken(self) -> ScoringProcess:
        with self._opening:
            if self._place is None:
                self._place = self._prepared()
        with self._lock:
            if self._free:
                process = self._free.pop()
            else:
                process = ScoringProcess(
                    self._place,
                    start_timeout_s=self._work.start_timeout_s,
                    memory_gb=self._work.memory_gb,
                    is_stopped=self._closed.is_set,
                )
            return process

    def _give_back(self, process: ScoringProcess) -> None:
        with self._lock:
            self._free.append(process)

    def _prepared(self) -> ScoringPlace:
        work = self._work
        bundle = ScoringBundle.load(self._stack.enter_context(received_bundle(work)))
        if bundle.digest != work.plan.bundle_digest:
            raise DigestMismatchError(work.bundle, work.plan.bundle_digest, bundle.digest)
        variables = {**thread_limits(cores()), **work.variables}  # usually a worker has one core
        return self._stack.enter_context(
            self._prepare(bundle, timeout_s=work.start_timeout_s, variables=variables)
        )

    def _clear(self) -> None:
        for each in self._free:
            each.close()
        self._free.clear()
        self._stack.close()

    def _close_once_idle(self) -> None:
        while not self._closed.wait(self._idle_s / 4):
            with self._lock:
                is_idle = not self._pieces and time.monotonic() - self._used_s > self._idle_s
                if is_idle:
                    self._closed.set()
            if is_idle:
                self._clear()
