"""What runs the pieces of a job: a piece in, a result out, at least once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import PieceOutcome, Work

__all__ = ["Engine"]


class Engine(Protocol):
    """Runs pieces, here or on other machines, in any order."""

    def run(
        self, work: Work, pieces: Sequence[Piece], *, stopped: threading.Event
    ) -> Iterator[PieceOutcome]:
        """Yield what came of each piece, once or more often; end early once `stopped` is set.

        It may yield the progress of pieces, too.

        Parameters
        ----------
        work : Work
            What all pieces have in common.
        pieces : Sequence[Piece]
            The pieces. Others may be added at its end whenever a result was yielded; they are to be
            run, too.
        stopped : threading.Event
            Set to end it: no more pieces are begun, and those under way are abandoned.
        """
        ...
