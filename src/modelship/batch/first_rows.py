"""End a job early whose first rows all fail: the script is the cause then, and not a row.

The rules:

- A call that fails before any row of its piece was scored may be the fault of the script. So rows
  from all over the piece are tried alone. If one succeeds, the bad rows are searched for as usual;
  if all fail, the piece is postponed.
- The job ends once it has no row scored, several pieces postponed, and enough rows failed; or no
  other piece left. If a row of another piece succeeds, the postponed ones are scored at the end.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Generator, Iterator, Sequence

    from modelship.batch.batch_plan import Piece
    from modelship.batch.engines import Engine
    from modelship.batch.piece_progress import PieceProgress
    from modelship.batch.piece_work import PieceOutcome, PieceResult, Work

__all__ = [
    "NothingScoredError",
    "PostponedPiece",
    "TriedRows",
    "proven_results",
    "sample_places",
]

_ROWS: Final = 10
_PIECES: Final = 3


@dataclass(frozen=True)
class TriedRows:
    """Rows that were tried alone, and have all failed.

    Parameters
    ----------
    failed : int
        How many.
    reason : str
        Why the last one failed, in one line.
    log : str
        Its traceback, or the end of what the process printed.
    is_timeout : bool
        Whether it took too long.
    """

    failed: int
    reason: str
    log: str
    is_timeout: bool = False


@dataclass(frozen=True)
class PostponedPiece:
    """A piece that was abandoned, since each row of it that was tried alone has failed.

    Parameters
    ----------
    piece : int
        Its number.
    tried : TriedRows
        These rows.
    """

    piece: int
    tried: TriedRows


class NothingScoredError(Exception):
    """No row of a piece, or of a job, could be scored.

    Parameters
    ----------
    tried : TriedRows
        Those that were tried alone.
    """

    def __init__(self, tried: TriedRows) -> None:
        super().__init__(tried)
        self.tried = tried


def sample_places(rows: int) -> Sequence[int]:
    """Return the positions of up to ten rows from all over a piece, with the first and the last."""
    if rows <= _ROWS:
        return range(rows)
    return [at * (rows - 1) // (_ROWS - 1) for at in range(_ROWS)]


def proven_results(
    engine: Engine, work: Work, pieces: Sequence[Piece], *, stopped: threading.Event
) -> Iterator[PieceResult | PieceProgress]:
    """Yield the results of pieces, and their progress; those of postponed ones last.

    Parameters
    ----------
    engine : Engine
        What runs them.
    work : Work
        What they have in common; it says whether they may be postponed.
    pieces : Sequence[Piece]
        The pieces; others may be added at its end whenever a result was yielded.
    stopped : threading.Event
        Set to end it.

    Raises
    ------
    NothingScoredError
        If the first rows of the job all failed.
    """
    is_proven = not work.may_postpone
    postponed: dict[int, PostponedPiece] = {}
    with closing(_outcomes(engine, work, pieces, stopped=stopped)) as outcomes:
        for found in outcomes:
            if isinstance(found, PostponedPiece):
                postponed[found.piece] = found
                if not is_proven and _are_enough(postponed.values()):
                    break
            else:
                is_proven = is_proven or _has_scored(found)
                yield found
    if not postponed or stopped.is_set():
        return
    if not is_proven:
        raise _nothing_scored(postponed.values())
    left, known = [each for each in pieces if each.number in postponed], len(pieces)
    rest = replace(work, may_postpone=False)
    with closing(_outcomes(engine, rest, left, stopped=stopped)) as outcomes:
        for found in outcomes:
            if not isinstance(found, PostponedPiece):
                yield found
                left += pieces[known:]  # the parts of those that were cut
                known = len(pieces)


def _outcomes(
    engine: Engine, work: Work, pieces: Sequence[Piece], *, stopped: threading.Event
) -> Generator[PieceOutcome, None, None]:
    """Yield what an engine does, which may be no generator."""
    yield from engine.run(work, pieces, stopped=stopped)


def _has_scored(found: PieceResult | PieceProgress) -> bool:
    return getattr(found, "rows_out", 0) > 0 or getattr(found, "scored", 0) > 0


def _nothing_scored(postponed: Collection[PostponedPiece]) -> NothingScoredError:
    *_, last = postponed
    return NothingScoredError(replace(last.tried, failed=_rows_tried(postponed)))


def _are_enough(postponed: Collection[PostponedPiece]) -> bool:
    return len(postponed) >= _PIECES and _rows_tried(postponed) >= _ROWS


def _rows_tried(postponed: Collection[PostponedPiece]) -> int:
    return sum(each.tried.failed for each in postponed)
