"""What an engine sends to its workers: the bundle through the output, and pieces by themselves."""

from __future__ import annotations

import shutil
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.batch.piece_work import DRAFTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import Work

__all__ = ["narrowed", "sent_bundle"]


@contextmanager
def sent_bundle(work: Work) -> Iterator[Work]:
    """Copy the bundle to the output while the body runs, and yield the work with that copy.

    Workers on other machines write to the same output, so they can read the bundle there. A
    resumed job removes the copy of a driver that was killed.
    """
    output = Path(work.output).absolute()
    place = output / DRAFTS / f"bundle-{uuid.uuid4().hex}"
    try:
        shutil.copytree(work.bundle, place)
        yield replace(work, bundle=str(place), output=str(output))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def narrowed(work: Work, piece: Piece) -> tuple[Work, Piece]:
    """Return the work with the files of one piece alone, and the piece with positions among these.

    A plan may have a million pieces, and it would be sent with each of them.
    """
    plan = work.plan
    if plan.options.are_files:
        files = plan.files_of(piece)
        alone = replace(piece, file=0, start=0, stop=len(files))
    else:
        files = (plan.files[piece.file],)
        alone = replace(piece, file=0)
    return replace(work, plan=replace(plan, files=files, pieces=())), alone
