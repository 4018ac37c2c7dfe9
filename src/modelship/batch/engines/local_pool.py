"""The default engine: threads of this process, each with a scoring process of its own."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.batch.piece_work import score_piece
from modelship.batch.scoring_process import ScoringProcess, scoring_place
from modelship.bundle import ScoringBundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import PieceResult, Work
    from modelship.batch.scoring_process import ScoringPlace

__all__ = ["LocalPool"]


@dataclass(frozen=True)
class LocalPool:
    """Runs pieces in this process.

    Parameters
    ----------
    workers : int
        How many pieces are scored at the same time.
    """

    workers: int

    def run(
        self, work: Work, pieces: Sequence[Piece], *, stopped: threading.Event
    ) -> Iterator[PieceResult]:
        left: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        for each in pieces:
            left.put(each)
        done: queue.SimpleQueue[PieceResult | BaseException | None] = queue.SimpleQueue()
        bundle = ScoringBundle.load(work.bundle)
        ended = threading.Event()
        with scoring_place(
            bundle, timeout_s=work.start_timeout_s, variables=work.variables
        ) as place:
            threads = [
                threading.Thread(target=_slot, args=(work, place, left, done, (stopped, ended)))
                for _ in range(min(self.workers, len(pieces)))
            ]
            for thread in threads:
                thread.start()
            try:
                yield from _results(done, slots=len(threads))
            finally:
                ended.set()
                for thread in threads:
                    thread.join()


def _results(
    done: queue.SimpleQueue[PieceResult | BaseException | None], *, slots: int
) -> Iterator[PieceResult]:
    while slots:
        found = done.get()
        if found is None:
            slots -= 1
        elif isinstance(found, BaseException):
            raise found
        else:
            yield found


def _slot(
    work: Work,
    place: ScoringPlace,
    left: queue.SimpleQueue[Piece],
    done: queue.SimpleQueue[PieceResult | BaseException | None],
    ending: tuple[threading.Event, ...],
) -> None:
    process = ScoringProcess(place, start_timeout_s=work.start_timeout_s)
    try:
        while not any(each.is_set() for each in ending):
            done.put(score_piece(work, left.get_nowait(), process))
    except queue.Empty:
        pass
    except BaseException as error:  # noqa: BLE001 - raised again in the thread of the driver
        done.put(error)
    finally:
        process.close()
        done.put(None)
