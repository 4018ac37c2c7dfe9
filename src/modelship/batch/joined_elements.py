"""Join the elements of all pieces to one file, as the action append_row of ParallelRunStep does."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from typing import TYPE_CHECKING, BinaryIO

from modelship.batch.output_names import DRAFTS, ELEMENTS, JOINED, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.batch.batch_plan import BatchPlan
    from modelship.batch.manifest import Entry
    from modelship.batch.output_files import OutputFiles

__all__ = ["are_joined", "join_elements", "remove_elements"]


def are_joined(
    files: OutputFiles,
    plan: BatchPlan,
    entries: Iterable[Entry],
    sizes: Mapping[str, int],
    *,
    verify: bool,
) -> bool:
    """Return whether a complete job has its one file, which then is the output of all pieces.

    Otherwise the file of a job that is resumed is removed: its elements are joined again, or, if
    they are not there any more, scored again.

    Parameters
    ----------
    files : OutputFiles
        The output.
    plan : BatchPlan
        The plan.
    entries : Iterable[Entry]
        The entries of all pieces that are done.
    sizes : Mapping[str, int]
        The sizes of the files of the output in bytes, by their names.
    verify : bool
        Whether to compare the digest of each piece also if the file has the size and the stamp
        (the time of its last change, or the ETag) that it was written with.
    """
    if not plan.options.appends_rows:
        return False
    parts = _in_order(entries)
    name = plan.options.append_row_file_name
    failures = {each.failures: each.failures_bytes for each in entries if each.failures}
    if (
        SUCCESS in sizes
        and failures.items() <= sizes.items()
        and sizes.get(name, 0) == sum(each.size_bytes for each in parts)
        and ((not verify and _is_untouched(files, name)) or _have_digests(files, name, parts))
    ):
        return True
    files.remove([SUCCESS, name])
    return False


def remove_elements(files: OutputFiles, plan: BatchPlan) -> None:
    """Remove what was joined to the file of a complete job."""
    if plan.options.appends_rows:
        files.unshare(ELEMENTS)


def join_elements(files: OutputFiles, plan: BatchPlan, entries: Iterable[Entry]) -> None:
    """Write the file of a job whose pieces are all done, in the order of its input."""
    if not plan.options.appends_rows or files.exists(SUCCESS):
        return
    parts = _in_order(entries)

    def write(target: BinaryIO) -> None:
        for each in parts:
            with files.open(each.output) as part:
                shutil.copyfileobj(part, target)

    draft = f"{DRAFTS}/{uuid.uuid4().hex}"
    size, _ = files.write_draft(draft, write)
    files.enter({draft: (plan.options.append_row_file_name, size)})
    files.discard([draft])
    files.write(JOINED, json.dumps({"stamp": files.stamp(plan.options.append_row_file_name)}))


def _is_untouched(files: OutputFiles, name: str) -> bool:
    """Return whether the file has the stamp that it was written with."""
    try:
        stamp = json.loads(files.read(JOINED))["stamp"]
        return bool(stamp and stamp == files.stamp(name))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted((each for each in entries if each.output), key=lambda each: each.piece)


def _have_digests(files: OutputFiles, name: str, parts: Sequence[Entry]) -> bool:
    if not parts:
        return True
    with files.open(name) as joined:
        return all(
            hashlib.sha256(joined.read(each.size_bytes)).hexdigest() == each.digest
            for each in parts
        )
