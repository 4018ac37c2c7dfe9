"""Cut a piece again that takes long, so that all workers have some of it.

How long a row takes is not known before some are scored. So a process that finds a piece to be slow
ends it early: what it has scored is the piece, and the rest are new pieces, which any worker takes.

The rules:

- What would take less than 10 s more stays whole.
- The rest is cut so that each worker gets about four pieces of the rows of the job; but a piece
  takes at least a second, so that it does not cost more to write than to score, and about a minute
  at most, which is then all that an interruption costs.
- A piece ends where a call does, if the size of calls was given.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Final

from modelship.batch.file_places import reading
from modelship.batch.job_options import USUAL_PIECE_BYTES
from modelship.batch.process_limits import cores
from modelship.batch.row_files import Cut, formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.batch.batch_plan import BatchOptions, BatchPlan, Piece
    from modelship.batch.engines import Engine

__all__ = [
    "PIECES_PER_WORKER",
    "Splitting",
    "cuts_of",
    "may_be_cut",
    "splitting_of",
    "with_cuts",
    "workers_of",
]

PIECES_PER_WORKER: Final = 4
"""How many pieces each worker is to have, so that all end at about the same time."""

_WORKERS_OF_CLUSTER: Final = 16
_LONG_S: Final = 10.0
_TIMES: Final = 2  # a new piece may be a little slower than planned, and is not cut again
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 60.0


@dataclass(frozen=True)
class Splitting:
    """Decides whether a piece is cut again.

    Parameters
    ----------
    rows : int
        The rows of all pieces that a run of the job scores.
    workers : int
        How many pieces are scored at the same time.
    """

    rows: int
    workers: int

    def rest(self, left: int, *, row_s: float, step: int = 1) -> tuple[int, ...]:
        """Return how many rows each of the new pieces has; nothing if the piece stays whole.

        Parameters
        ----------
        left : int
            The rows of the piece that are not scored yet.
        row_s : float
            How long a row takes, in seconds; 0 if it is not known.
        step : int
            The rows of a call, if their number is fixed.
        """
        left_s = left * row_s
        wanted_s = row_s * self.rows / (PIECES_PER_WORKER * self.workers)
        piece_s = min(max(wanted_s, _SHORTEST_S), _LONGEST_S)
        calls = ceil(left / step)
        if left_s < max(_LONG_S, _TIMES * piece_s) or calls == 1:
            return ()
        pieces = min(ceil(left_s / piece_s / self.workers) * self.workers, calls)
        stops = [min(calls * at // pieces * step, left) for at in range(pieces + 1)]
        return tuple(stop - start for start, stop in pairwise(stops))


def splitting_of(
    options: BatchOptions, engine: Engine, pieces: Sequence[Piece]
) -> Splitting | None:
    """Return what decides for the pieces of a run; None if their size is for the user to choose."""
    if options.output_action or not options.has_usual_pieces:
        return None
    return Splitting(sum(each.rows for each in pieces), workers_of(engine))


def workers_of(engine: Engine) -> int:
    """Return about how many pieces an engine scores at the same time."""
    if getattr(engine, "scheduler", ""):  # a cluster may also grow
        return _WORKERS_OF_CLUSTER
    return getattr(engine, "workers", None) or cores()


def may_be_cut(plan: BatchPlan, piece: Piece) -> bool:
    """Return whether its parts can be read alone; each reader of a compressed file holds all."""
    if plan.options.are_files:
        return True
    file = plan.files[piece.file]
    return not file.is_compressed or file.size_bytes <= USUAL_PIECE_BYTES


def cuts_of(plan: BatchPlan, piece: Piece, counts: Sequence[int]) -> list[Cut]:
    """Return the parts of a piece that have these numbers of rows; together they are all of it.

    Raises
    ------
    BatchInputError
        If its file cannot be read, or has changed.
    """
    whole = Cut(piece.start, piece.stop, piece.first_row, piece.rows)
    if plan.options.are_files:
        return whole.slices(counts)
    file = plan.files[piece.file]
    with reading(file) as source:
        return formats()[file.format].parts(source, whole, counts)


def with_cuts(plan: BatchPlan, number: int, cuts: Sequence[Cut]) -> BatchPlan:
    """Return a plan in which a piece is the first of some cuts, and the others are new pieces."""
    piece, (own, *rest) = plan.pieces[number], cuts
    pieces = [*plan.pieces]
    pieces[number] = replace(piece, **asdict(own))
    for each in rest:
        pieces.append(replace(piece, **asdict(each), number=len(pieces), is_rest=True))
    return replace(plan, pieces=tuple(pieces), origin=plan.digest)
