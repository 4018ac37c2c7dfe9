"""Define OutputFolder: the files of a job, and what of them may be trusted when it is resumed."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from modelship.batch.batch_plan import BatchPlan
from modelship.batch.joined_elements import are_joined
from modelship.batch.manifest import AnswerColumn, Entry, Manifest
from modelship.batch.output_files import output_files
from modelship.batch.output_names import DRAFTS, ELEMENTS, FAILED, MANIFEST, PLAN, SUCCESS, is_data
from modelship.batch.row_files import suffix_of
from modelship.batch.slow_pieces import with_cuts
from modelship.errors import BatchInputError, BatchOutputError, BatchResumeError
from modelship.sources.model_files import sha256_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from modelship.batch.batch_plan import Piece
    from modelship.batch.piece_work import PieceResult

__all__ = ["OutputFolder", "with_all_cuts"]


def with_all_cuts(plan: BatchPlan, manifest: Manifest) -> BatchPlan:
    """Return a plan with the cuts of a manifest that was read."""
    for piece, cuts in manifest.cuts:
        plan = with_cuts(plan, piece, cuts)
    return plan


class OutputFolder:
    """The folder of the output of a job.

    What begins with ``_`` or ``.`` is not data for readers of folders; all else is the output.

    Parameters
    ----------
    output : str or Path
        The folder, or its URL in an object store; it may not exist.
    """

    def __init__(self, output: str | Path) -> None:
        self.files = output_files(output)

    def require_ours(self) -> None:
        """Check that the folder is new, or has a job; nothing is written before.

        Raises
        ------
        BatchOutputError
            If it holds other files, is a file, or is a link that leads nowhere.
        """
        if self.files.exists(PLAN):
            return
        try:
            other = next(self.files.others(), None)
        except NotADirectoryError:
            raise self._unfit("it is a file", "Name a folder.") from None
        except FileNotFoundError:
            advice = "Create the folder that it leads to, or name another one."
            raise self._unfit("it is a link that leads nowhere", advice) from None
        if other is not None:
            raise self._unfit(
                f"it has {other}, which is not of a batch job", "Name a new or empty folder."
            )

    def driven(self) -> AbstractContextManager[None]:
        """Keep other drivers out while the body runs."""
        return self.files.driving()

    def plan(self) -> BatchPlan | None:
        """Return the plan of the job; None if there is none.

        Raises
        ------
        BatchResumeError
            If it cannot be read.
        """
        try:
            return BatchPlan.from_json(self.files.read(PLAN).decode())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BatchResumeError(
                self.files.shown,
                f"plan.json is damaged: {error}",
                advice=f"Restore {self.files.shown}/{PLAN} from a copy, or name another output "
                "folder.",
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
        self.files.write(PLAN, plan.to_json())

    def forget(self) -> None:
        """Remove the plan of a job that has no entry yet."""
        self.files.remove([PLAN])

    def manifest(self, plan: BatchPlan) -> Manifest:
        """Return the manifest of the job."""
        return Manifest(self.files.manifest_lines(), plan_digest=plan.digest)

    def resume(
        self, plan: BatchPlan, manifest: Manifest, *, verify: bool
    ) -> tuple[BatchPlan, dict[int, Entry]]:
        """Return the plan as it is now, and what is done; remove what is left of other pieces.

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
        plan = with_all_cuts(plan, manifest)
        sizes = self.files.sizes()
        if not plan.options.output_action:  # a script of ParallelRunStep writes files of its own
            self._remove_unknown(plan, entries, sizes)
        self.files.remove_drafts()
        if are_joined(self.files, plan, list(entries.values()), sizes, verify=verify):
            return plan, entries
        for number, entry in list(entries.items()):
            if not self._is_whole(entry, sizes, verify=verify):
                self.files.remove((SUCCESS, *filter(None, (entry.output, entry.failures))))
                manifest.withdraw(number)
                del entries[number]
        return plan, entries

    def enter(self, plan: BatchPlan, result: PieceResult, manifest: Manifest) -> Entry:
        """Move what came of a piece to its names, and enter it in the manifest."""
        piece = plan.pieces[result.piece]
        output = _output_of(plan, piece) if result.draft else ""
        failures = _failures_of(plan, piece) if result.failures else ""
        drafts = {
            result.draft: (output, result.size_bytes),
            result.failures: (failures, result.failures_bytes),
        }
        drafts.pop("", None)
        self.files.enter(drafts)
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
            failed_batches=result.failed_batches,
            bad_batches=result.bad_batches,
            seconds=round(result.seconds, 3),
            ended=time.time(),
            answers=result.answers,
        )
        manifest.append(entry)
        self.files.discard(drafts)
        return entry

    def rewrite(
        self,
        entry: Entry,
        write: Callable[[BinaryIO], object],
        manifest: Manifest,
        *,
        answers: tuple[AnswerColumn, ...],
    ) -> Entry:
        """Replace the output of a piece; if that is interrupted, the piece is not done any more."""
        draft = f"{DRAFTS}/{entry.piece}-{uuid.uuid4().hex}"
        size, digest = self.files.write_draft(draft, write)
        manifest.withdraw(entry.piece)
        self.files.enter({draft: (entry.output, size)})
        made = replace(entry, size_bytes=size, digest=digest, answers=answers)
        manifest.append(made)
        self.files.discard([draft])
        return made

    def complete(self, document: Mapping[str, object], entries: Iterable[Entry]) -> None:
        """Write that the job is complete, once all else is there, and safe.

        Raises
        ------
        BatchOutputError
            If what came of a piece is not there any more.
        """
        self.files.remove_drafts()
        if self.files.exists(SUCCESS):
            return
        self.files.sync()
        sizes = self.files.sizes()
        for each in entries:
            if not self._is_whole(each, sizes, verify=False):
                raise self._unfit(
                    f"while the job ran, something else removed or changed {each.output} or its "
                    "failed rows",
                    "End what does so, and run the same command again: it scores what is missing.",
                )
        self.files.write(SUCCESS, json.dumps(document, indent=1) + "\n")

    def _remove_unknown(
        self, plan: BatchPlan, entries: Mapping[int, Entry], sizes: Mapping[str, int]
    ) -> None:
        """Remove the output of a driver that was killed before it entered it: one at most."""
        left = {each.output for each in entries.values()}
        begun = {_output_of(plan, each): each for each in plan.pieces if each.number not in entries}
        unknown = [each for each in sizes if is_data(each) and each not in left]
        if other := [each for each in unknown if each not in begun]:
            raise self._unfit(
                f"it has {other[0]}, which is not of this job", "Move that file out of the folder."
            )
        if len(unknown) > 1:
            raise BatchResumeError(
                self.files.shown,
                f"manifest.jsonl is damaged: it lacks {len(unknown)} pieces with output, such as "
                f"{unknown[0]}",
                advice=f"Restore {self.files.shown}/{MANIFEST} from a copy, or name another "
                "output folder.",
            )
        failures = {_failures_of(plan, each) for each in begun.values()}
        self.files.remove([*unknown, *(failures & sizes.keys())])

    def _is_whole(self, entry: Entry, sizes: Mapping[str, int], *, verify: bool) -> bool:
        """Return whether what came of a piece is there as it was written."""
        written = {entry.output: entry.size_bytes, entry.failures: entry.failures_bytes}
        if any(name and sizes.get(name) != size for name, size in written.items()):
            return False
        if not verify or not entry.output:
            return True
        with self.files.open(entry.output) as file:
            return sha256_in(file) == entry.digest

    def _unfit(self, problem: str, advice: str) -> BatchOutputError:
        return BatchOutputError(self.files.shown, problem, advice)


def _output_of(plan: BatchPlan, piece: Piece) -> str:
    if plan.options.appends_rows:
        return f"{ELEMENTS}/{plan.name_of(piece)}.txt"
    return plan.name_of(piece) + suffix_of(plan.output_format(piece))


def _failures_of(plan: BatchPlan, piece: Piece) -> str:
    return f"{FAILED}/{plan.name_of(piece)}.jsonl"
