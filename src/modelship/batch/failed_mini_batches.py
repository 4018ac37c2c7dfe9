"""List the mini-batches of ParallelRunStep that failed, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.batch.batch_plan import BatchPlan, Piece
    from modelship.batch.manifest import BadBatch, Entry

__all__ = ["FailedMiniBatch", "failed_mini_batches", "mini_batches_in"]


@dataclass(frozen=True)
class FailedMiniBatch:
    """A mini-batch that failed.

    Parameters
    ----------
    number : int
        Its number in the job, from 0.
    items : int
        How many files or rows it has.
    place : str
        Its files, or its file and rows: the first and the last one.
    reason : str
        Why it failed, in one line.
    """

    number: int
    items: int
    place: str
    reason: str

    def __str__(self) -> str:
        return f"mini-batch {self.number} ({self.place}): {self.reason}"


def failed_mini_batches(plan: BatchPlan, entries: Iterable[Entry]) -> list[FailedMiniBatch]:
    """Return the mini-batches that failed so far, by their number."""
    found = [
        FailedMiniBatch(
            _number(plan, plan.pieces[entry.piece], each),
            each.items,
            _place(plan, plan.pieces[entry.piece], each),
            each.reason,
        )
        for entry in entries
        for each in entry.bad_batches
    ]
    return sorted(found, key=lambda each: each.number)


def mini_batches_in(plan: BatchPlan) -> int:
    """Return how many mini-batches a job has."""
    if not _are_some_in_a_piece(plan):
        return len(plan.pieces)
    size = plan.options.items_per_call
    return sum(ceil((each.stop - each.start) / size) for each in plan.pieces)


def _are_some_in_a_piece(plan: BatchPlan) -> bool:
    return plan.options.are_files and not plan.options.partition_keys


def _number(plan: BatchPlan, piece: Piece, bad: BadBatch) -> int:
    if _are_some_in_a_piece(plan):
        return (piece.start + bad.first) // plan.options.items_per_call
    return piece.number  # it is one mini-batch


def _place(plan: BatchPlan, piece: Piece, bad: BadBatch) -> str:
    if plan.options.are_files or plan.options.partition_keys:
        files = plan.files_of(piece)
        names = [each.name for each in files]
        if plan.options.are_files:
            names = names[bad.first : bad.first + bad.items]
        return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    last = piece.first_row + piece.rows - 1  # rows that cannot be read are among them
    return f"{plan.files[piece.file].name}, rows {piece.first_row} to {last}"
