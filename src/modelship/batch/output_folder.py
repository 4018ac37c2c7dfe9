"""Define OutputFolder: the files of a job, and what of them may be trusted when it is resumed."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from modelship.batch.batch_plan import BatchPlan
from modelship.batch.driver_lock import driving
from modelship.batch.failed_rows import FAILED
from modelship.batch.manifest import Entry, Manifest
from modelship.batch.piece_work import DRAFTS
from modelship.batch.row_files import suffix_of
from modelship.errors import BatchInputError, BatchOutputError, BatchResumeError
from modelship.sources.model_files import sha256_of
from modelship.staging import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import PieceResult

__all__ = ["OURS", "SUCCESS", "OutputFolder"]

OURS = "_modelship"
"""The folder of the plan and the manifest."""
SUCCESS = "_SUCCESS"
"""The file that says that the job is complete."""


class OutputFolder:
    """The folder of the output of a job.

    What begins with ``_`` or ``.`` is not data for readers of folders; all else is the output.

    Parameters
    ----------
    path : Path
        The folder; it may not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._plan_path = path / OURS / "plan.json"

    def require_ours(self) -> None:
        """Check that the folder is new, or has a job; nothing is written before.

        Raises
        ------
        BatchOutputError
            If it holds other files, or is a file.
        """
        if self._plan_path.exists() or not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise self._unfit("it is a file", "Name a folder.")
        if other := next((each.name for each in self.path.iterdir() if each.name != OURS), None):
            raise self._unfit(
                f"it has {other}, which is not of a batch job", "Name a new or empty folder."
            )

    def driven(self) -> AbstractContextManager[None]:
        """Keep other drivers out while the body runs."""
        return driving(self.path / OURS / "driver.json")

    def plan(self) -> BatchPlan | None:
        """Return the plan of the job; None if there is none.

        Raises
        ------
        BatchResumeError
            If it cannot be read.
        """
        try:
            return BatchPlan.from_json(self._plan_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BatchResumeError(
                str(self.path),
                f"{self._plan_path.name} is damaged: {error}",
                advice=f"Restore {self._plan_path} from a copy, or name another output folder.",
            ) from None

    def begin(self, plan: BatchPlan) -> None:
        """Write the plan, before anything else.

        Raises
        ------
        BatchInputError
            If two files of the input would have the same output.
        """
        names: dict[str, str] = {}
        for each in plan.pieces:
            file = plan.files[each.file]
            if (other := names.setdefault(_output_of(plan, each), file.path)) != file.path:
                raise BatchInputError(
                    file.path,
                    f"its output has the same name as that of {other}",
                    advice="Score them in two jobs, with an output folder each.",
                )
        write_atomic(self._plan_path, plan.to_json())

    def forget(self) -> None:
        """Remove the plan of a job that has no entry yet."""
        self._plan_path.unlink(missing_ok=True)

    def manifest(self, plan: BatchPlan) -> Manifest:
        """Return the manifest of the job."""
        return Manifest(self.path / OURS / "manifest.jsonl", plan_digest=plan.digest)

    def resume(self, plan: BatchPlan, manifest: Manifest, *, verify: bool) -> dict[int, Entry]:
        """Return the entries of the pieces that are done; remove what is left of the others.

        Parameters
        ----------
        plan : BatchPlan
            The plan.
        manifest : Manifest
            The manifest.
        verify : bool
            Whether to compare the digests of the output, too, and not only its size.

        Raises
        ------
        BatchResumeError
            If the manifest is damaged.
        BatchOutputError
            If there are other files in the folder.
        """
        entries = manifest.read()
        self._remove_unknown(plan, entries)
        shutil.rmtree(self.path / DRAFTS, ignore_errors=True)
        for number, entry in list(entries.items()):
            if not self._is_whole(entry, verify=verify):
                (self.path / SUCCESS).unlink(missing_ok=True)
                for each in filter(None, (entry.output, entry.failures)):
                    (self.path / each).unlink(missing_ok=True)
                manifest.withdraw(number)
                del entries[number]
        return entries

    def enter(self, plan: BatchPlan, result: PieceResult, manifest: Manifest) -> Entry:
        """Move what came of a piece to its names, and enter it in the manifest."""
        piece = plan.pieces[result.piece]
        output = _output_of(plan, piece) if result.draft else ""
        failures = _failures_of(plan, piece) if result.failures else ""
        for draft, place in ((result.draft, output), (result.failures, failures)):
            if draft:
                target = self.path / place
                target.parent.mkdir(parents=True, exist_ok=True)
                (self.path / draft).replace(target)
        entry = Entry(
            piece=result.piece,
            rows_in=result.rows_in,
            rows_out=result.rows_out,
            failed=result.failed,
            output=output,
            size_bytes=result.size_bytes,
            digest=result.digest,
            failures=failures,
            failures_bytes=result.failures_bytes,
            seconds=round(result.seconds, 3),
            ended=time.time(),
        )
        manifest.append(entry)
        return entry

    def complete(self, document: Mapping[str, object]) -> None:
        """Write that the job is complete, once all else is on the disk."""
        shutil.rmtree(self.path / DRAFTS, ignore_errors=True)
        if (self.path / SUCCESS).exists():
            return
        for folder, _, _ in os.walk(self.path):
            _sync(folder)
        write_atomic(self.path / SUCCESS, json.dumps(document, indent=1) + "\n")
        _sync(self.path)

    def _remove_unknown(self, plan: BatchPlan, entries: Mapping[int, Entry]) -> None:
        """Remove the output of a driver that was killed before it entered it: one at most."""
        left = {each.output for each in entries.values()}
        begun = {_output_of(plan, each): each for each in plan.pieces if each.number not in entries}
        unknown = [each for each in _data_files(self.path) if each not in left]
        if other := [each for each in unknown if each not in begun]:
            raise self._unfit(
                f"it has {other[0]}, which is not of this job", "Move that file out of the folder."
            )
        if len(unknown) > 1:
            raise BatchResumeError(
                str(self.path),
                f"manifest.jsonl is damaged: it lacks {len(unknown)} pieces with output, such as "
                f"{unknown[0]}",
                advice=f"Restore {self.path / OURS / 'manifest.jsonl'} from a copy, or name "
                "another output folder.",
            )
        if (self.path / FAILED).exists():
            for each in begun.values():
                (self.path / _failures_of(plan, each)).unlink(missing_ok=True)
        for name in unknown:
            (self.path / name).unlink()

    def _is_whole(self, entry: Entry, *, verify: bool) -> bool:
        """Return whether what came of a piece is there as it was written."""
        sizes = {entry.output: entry.size_bytes, entry.failures: entry.failures_bytes}
        if any(name and _size(self.path / name) != size for name, size in sizes.items()):
            return False
        return not (verify and entry.output) or sha256_of(self.path / entry.output) == entry.digest

    def _unfit(self, problem: str, advice: str) -> BatchOutputError:
        return BatchOutputError(str(self.path), problem, advice)


def _output_of(plan: BatchPlan, piece: Piece) -> str:
    return plan.name_of(piece) + suffix_of(plan.output_format(piece))


def _failures_of(plan: BatchPlan, piece: Piece) -> str:
    return f"{FAILED}/{plan.name_of(piece)}.jsonl"


def _data_files(folder: Path) -> Iterator[str]:
    """Yield the files that readers of folders take for data, relative to the folder."""
    for here, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(("_", "."))]
        for each in names:
            if not each.startswith(("_", ".")):
                yield os.path.relpath(os.path.join(here, each), folder)  # noqa: PTH118 - a million files


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _sync(folder: str | Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
