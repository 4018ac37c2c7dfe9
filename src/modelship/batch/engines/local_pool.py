"""The default engine: threads of this process, each with a scoring process of its own."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.batch.piece_progress import PieceProgress
from modelship.batch.piece_work import score_piece
from modelship.batch.process_limits import cores, thread_limits
from modelship.batch.scoring_process import (
    ScoringPlace,
    ScoringProcess,
    ScoringStoppedError,
    scoring_place,
)
from modelship.bundle import ScoringBundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import PieceOutcome, Work

__all__ = ["LocalPool"]

_CUT_S: Final = 2.0
"""How long a process waits for the parts of the piece that it has cut, so as not to start again."""
_LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class LocalPool:
    """Runs pieces in this process.

    Parameters
    ----------
    workers : int, optional
        How many pieces are scored at the same time; by default as many as there are cores.
    place : Callable
        Prepares where scoring processes start; see :func:`scoring_place`.
    """

    workers: int | None = None
    place: Callable[..., AbstractContextManager[ScoringPlace]] = field(
        default=scoring_place, repr=False
    )

    def run(
        self, work: Work, pieces: Sequence[Piece], *, stopped: threading.Event
    ) -> Iterator[PieceOutcome]:
        splitting = work.splitting  # one piece may become as many as it has rows
        most = len(pieces) if splitting is None else max(len(pieces), splitting.rows)
        workers = min(self.workers or cores(), most)
        variables = {**thread_limits(workers), **work.variables}
        bundle = ScoringBundle.load(work.bundle)
        with self.place(bundle, timeout_s=work.start_timeout_s, variables=variables) as place:
            slots = _Slots(work, place, stopped)
            try:
                yield from slots.results(pieces, most=workers)
            finally:
                slots.end()


class _Slots:
    """Threads that each score one piece after the other, with a process of their own."""

    def __init__(self, work: Work, place: ScoringPlace, stopped: threading.Event) -> None:
        self._ended = threading.Event()
        self._work = work
        self._place = place
        self._stopped = stopped
        self._threads: list[threading.Thread] = []
        self._left: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[PieceOutcome | BaseException | None] = queue.SimpleQueue()

    def results(self, pieces: Sequence[Piece], *, most: int) -> Iterator[PieceOutcome]:
        """Yield the results of pieces, and of those that are added, until all threads have ended.

        There are `most` threads, as long as so many pieces are not done.
        """
        known = done = running = 0
        while True:
            for each in pieces[known:]:
                self._left.put(each)
            known = len(pieces)
            while running < min(most, known - done) and not self._is_ending():
                self._start()
                running += 1
            if not running:
                return
            found = self._next()
            if found is None:
                running -= 1
            elif isinstance(found, BaseException):
                raise found
            else:
                done += not isinstance(found, PieceProgress)
                yield found

    def _next(self) -> PieceOutcome | BaseException | None:
        """Return what a thread tells next.

        A signal that comes just before a wait begins does not end it, so none is without end.
        """
        while True:
            with suppress(queue.Empty):
                return self._done.get(timeout=_LOOK_EVERY_S)

    def end(self) -> None:
        """End all threads, and wait for them."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self.run)
        self._threads.append(thread)
        thread.start()

    def run(self) -> None:
        """Score pieces until there are none."""
        try:
            process = ScoringProcess(
                self._place,
                start_timeout_s=self._work.start_timeout_s,
                memory_gb=self._work.memory_gb,
                is_stopped=self._is_ending,
            )
            wait_s = 0.0
            try:
                while not self._is_ending():
                    piece = self._left.get(timeout=wait_s)
                    found = score_piece(self._work, piece, process, tell=self._done.put)
                    self._done.put(found)
                    wait_s = _CUT_S if getattr(found, "rest", ()) else 0.0
            finally:
                process.close()
        except (queue.Empty, ScoringStoppedError):
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of the driver
            self._done.put(error)
        finally:
            self._done.put(None)

    def _is_ending(self) -> bool:
        return self._ended.is_set() or self._stopped.is_set()
