"""Tell how far a piece is while it is being scored."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.batch.batch_plan import Piece

__all__ = ["PieceProgress", "progress_teller"]

_TELL_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class PieceProgress:
    """How far a piece is that is being scored.

    Parameters
    ----------
    piece : int
        Its number.
    scored, failed : int
        How many of its rows were scored, and how many failed, so far.
    seconds : float
        For how long it is being scored.
    """

    piece: int
    scored: int
    failed: int
    seconds: float


def progress_teller(
    piece: Piece, tell: Callable[[PieceProgress], None], *, every_s: float = _TELL_EVERY_S
) -> Callable[[int, int], None]:
    """Return what tells the progress of a piece that begins now, every so many seconds at most."""
    began = told = time.monotonic()

    def tell_counts(scored: int, failed: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= every_s:
            told = now
            tell(PieceProgress(piece.number, scored, failed, now - began))

    return tell_counts
