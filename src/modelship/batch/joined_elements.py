"""Join the elements of all pieces to one file, as the action append_row of ParallelRunStep does."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, BinaryIO

from modelship.batch.output_names import DRAFTS, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry
    from modelship.batch.output_files import OutputFiles

__all__ = ["join_elements", "require_joined"]


def require_joined(
    files: OutputFiles, plan: BatchPlan, entries: Iterable[Entry], sizes: Mapping[str, int]
) -> None:
    """Let a job that is resumed join its file again, unless that has the size of its parts."""
    name = plan.options.append_row_file_name
    if sizes.get(name, 0) != sum(each.size_bytes for each in entries):
        files.remove([SUCCESS, name])


def join_elements(files: OutputFiles, plan: BatchPlan, entries: Iterable[Entry]) -> None:
    """Write the file of a job whose pieces are all done, in the order of its input."""
    if not plan.options.appends_rows or files.exists(SUCCESS):
        return
    parts = sorted((each for each in entries if each.output), key=lambda each: each.piece)

    def write(target: BinaryIO) -> None:
        for each in parts:
            with files.open(each.output) as part:
                shutil.copyfileobj(part, target)

    draft = f"{DRAFTS}/{uuid.uuid4().hex}"
    size, _ = files.write_draft(draft, write)
    files.enter({draft: (plan.options.append_row_file_name, size)})
    files.discard([draft])
