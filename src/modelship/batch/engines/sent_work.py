"""What an engine sends to its workers: the bundle through the output, and pieces by themselves."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.batch.file_places import is_remote
from modelship.batch.output_files import output_files, output_place
from modelship.batch.output_names import DRAFTS
from modelship.batch.store_files import StoreFiles
from modelship.errors import BatchEngineError
from modelship.runtime.owned_folders import owned_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import Work

__all__ = ["narrowed", "received_bundle", "sent_bundle"]


@contextmanager
def sent_bundle(work: Work) -> Iterator[Work]:
    """Copy the bundle to the output while the body runs, and yield the work with that copy.

    Workers on other machines write to the same output, so they can read the bundle there. A
    resumed job removes the copy of a driver that was killed.
    """
    place = output_place(work.output)
    output = str(place.absolute()) if isinstance(place, Path) else place
    files, name = output_files(output), f"{DRAFTS}/bundle-{uuid.uuid4().hex}"
    try:
        yield replace(work, bundle=files.share(Path(work.bundle), name), output=output)
    finally:
        files.unshare(name)


@contextmanager
def received_bundle(work: Work) -> Iterator[Path]:
    """Yield the folder of the bundle of sent work; a copy of it if it is in an object store.

    Raises
    ------
    BatchEngineError
        If this machine does not see it.
    """
    if not is_remote(work.bundle):
        if not Path(work.bundle).is_dir():
            raise _unseen(work)
        yield Path(work.bundle)
        return
    with owned_folder("modelship-batch-") as place:
        folder = place / "bundle"
        StoreFiles.at(work.bundle).get_folder("", folder)
        if not folder.is_dir():
            raise _unseen(work)
        yield folder


def _unseen(work: Work) -> BatchEngineError:
    return BatchEngineError(
        f"its worker on {os.uname().nodename} does not see {work.output}",
        advice="Name an output, and inputs, that all machines have under the same path.",
    )


def narrowed(work: Work, piece: Piece) -> tuple[Work, Piece]:
    """Return the work with the files of one piece alone, and the piece with positions among these.

    A plan may have a million pieces, and it would be sent with each of them.
    """
    plan = work.plan
    if plan.options.has_whole_files:
        files = plan.files_of(piece)
        alone = replace(piece, file=0, start=0, stop=len(files))
    else:
        files = (plan.files[piece.file],)
        alone = replace(piece, file=0)
    return replace(work, plan=replace(plan, files=files, pieces=())), alone
