"""Have a cluster score pieces: a bounded number at a time, and those of lost workers again."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, Protocol

from modelship.errors import BatchEngineError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_progress import PieceProgress
    from modelship.batch.piece_work import PieceOutcome

__all__ = ["Cluster", "WorkerLostError", "results_of"]

_TRIES: Final = 3
_LOOK_EVERY_S: Final = 0.2
_COUNT_EVERY_S: Final = 1.0


class WorkerLostError(Exception):
    """What had a piece has ended without a result."""


class Cluster(Protocol):
    """Workers, on machines that see the input and the output."""

    def most(self) -> int:
        """Return how many pieces it takes at a time now, from 1; asked once a second."""
        ...

    def send(self, piece: Piece) -> None:
        """Begin to score a piece; do not wait for it."""
        ...

    def ended(self, *, timeout_s: float) -> list[tuple[Piece, PieceOutcome | BaseException]]:
        """Wait up to `timeout_s` seconds for pieces, and return what became of them.

        A piece of a worker that was lost has a :class:`WorkerLostError`.
        """
        ...

    def told(self) -> list[PieceProgress]:
        """Return what workers told of pieces since the last call; it may be late, or lost."""
        ...

    def end(self) -> None:
        """Abandon the pieces under way, and the scoring processes."""
        ...


def results_of(
    cluster: Cluster, pieces: Sequence[Piece], *, stopped: threading.Event
) -> Iterator[PieceOutcome]:
    """Yield the results of pieces; end early once `stopped` is set.

    A piece whose worker was lost, or failed with an :class:`OSError`, is sent again up to twice:
    that may be the fault of one machine.

    Raises
    ------
    BatchEngineError
        If a piece has lost each of its workers.
    Exception
        Any other error of a piece.
    """
    left = deque(pieces)
    known = len(pieces)
    failures: Counter[int] = Counter()
    under_way: set[int] = set()
    most, count_at_s = 0, 0.0
    while (left or under_way) and not stopped.is_set():
        if left and time.monotonic() >= count_at_s:
            most, count_at_s = cluster.most(), time.monotonic() + _COUNT_EVERY_S
        while left and len(under_way) < most:
            under_way.add(left[0].number)
            cluster.send(left.popleft())
        for piece, found in cluster.ended(timeout_s=_LOOK_EVERY_S):
            under_way.remove(piece.number)
            if not isinstance(found, BaseException):
                yield found
                continue
            failures[piece.number] += 1
            _require_another_try(found, tries=failures[piece.number])
            left.appendleft(piece)
        yield from (each for each in cluster.told() if each.piece in under_way)
        left.extend(pieces[known:])
        known = len(pieces)


def _require_another_try(error: BaseException, *, tries: int) -> None:
    """Raise the error of a piece, unless it is worth another try."""
    is_lost = isinstance(error, WorkerLostError)
    if tries < _TRIES and (is_lost or isinstance(error, OSError)):
        return
    if is_lost:
        problem = f"a piece lost its worker {tries} times, the last time with: {error}"
        raise BatchEngineError(problem) from error
    raise error
