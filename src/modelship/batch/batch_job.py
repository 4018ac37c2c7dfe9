"""Define BatchJob: score much data with a bundle, and account for every row."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.batch.batch_checks import require_batchable
from modelship.batch.batch_plan import BatchOptions, BatchPlan, InputFile, Piece
from modelship.batch.batch_progress import progress_of
from modelship.batch.batch_status import OURS, SUCCESS, BatchStatus, busy_seconds
from modelship.batch.batch_summary import BatchSummary
from modelship.batch.engines.local_pool import LocalPool
from modelship.batch.failed_rows import FAILED
from modelship.batch.input_files import input_files
from modelship.batch.manifest import Entry, Manifest
from modelship.batch.piece_work import DRAFTS, Work
from modelship.batch.row_files import formats
from modelship.batch.scoring_process import ScriptNotReadyError
from modelship.bundle import ScoringBundle
from modelship.errors import BatchInputError, BatchResumeError, BatchStoppedError
from modelship.staging import storing, write_atomic
from modelship.state_paths import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelship.batch.batch_checks import Check
    from modelship.batch.engines import Engine
    from modelship.batch.piece_work import PieceResult

__all__ = ["BatchJob"]


class BatchJob:
    """Scores the rows of files with a bundle.

    The same job again resumes where the last one ended.

    Parameters
    ----------
    bundle : ScoringBundle or str or Path
        What scores them, or its folder.
    inputs : str or Path or Sequence[str or Path]
        Files, and folders with files.
    output : str or Path
        The folder for the output; created if it does not exist.
    options : BatchOptions, optional
        What the output is.
    workers : int, optional
        How many pieces are scored at the same time; by default as many as there are cores.
    engine : Engine, optional
        What runs the pieces; by default processes on this machine.
    timeout_s : float
        How long one call of run() may take, in seconds.
    start_timeout_s : float
        How long the environment, and then init(), may take, in seconds.
    error_threshold : int
        How many rows may fail in the whole job; -1 for any number.
    check : {"static", "trial", "off"}
        Whether the bundle is read first to find problems, or its script is tried on the sample
        request too. Loading a model that is not known to be safe is refused in any case.
    trust_model : bool
        Load the model whatever code that runs; see :meth:`ScoringBundle.check`.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    """

    def __init__(
        self,
        bundle: ScoringBundle | str | Path,
        inputs: str | Path | Sequence[str | Path],
        output: str | Path,
        *,
        options: BatchOptions | None = None,
        workers: int | None = None,
        engine: Engine | None = None,
        timeout_s: float = 60.0,
        start_timeout_s: float = 600.0,
        error_threshold: int = -1,
        check: Check = "static",
        trust_model: bool = False,
    ) -> None:
        self.bundle = bundle if isinstance(bundle, ScoringBundle) else ScoringBundle.load(bundle)
        self.inputs = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
        self.output = Path(output)
        self.options = options or BatchOptions()
        self.engine = engine or LocalPool(workers or os.cpu_count() or 1)
        self.timeout_s = timeout_s
        self.start_timeout_s = start_timeout_s
        self.error_threshold = error_threshold
        self.check = check
        self.trust_model = trust_model
        self._stopped = threading.Event()

    def plan(self) -> BatchPlan:
        """Return what the job does, from the files that are there now.

        Raises
        ------
        BatchInputError
            If there is no file, or one cannot be read.
        """
        files = tuple(input_files(self.inputs, as_they_are=self.options.are_files))
        if not files:
            raise BatchInputError(str(self.inputs[0]), "it has no file of a known format")
        return BatchPlan(self.bundle.digest, self.options, files, tuple(self._pieces(files)))

    def run(
        self,
        *,
        show_output: bool = True,
        on_progress: Callable[[BatchStatus], None] | None = None,
    ) -> BatchSummary:
        """Score what is not scored yet.

        Parameters
        ----------
        show_output : bool
            Show the progress on stderr: a bar on a terminal, lines at growing intervals elsewhere.
        on_progress : Callable, optional
            A function that is called with the status after each piece.

        Raises
        ------
        CheckFailedError
            If the check finds errors, or loading the model could run code that is not known to be
            safe.
        BatchInputError
            If the input cannot be read.
        BatchResumeError
            If the folder has the output of another job.
        BatchStoppedError
            If the script does not start, or more rows fail than `error_threshold`.
        StorageError
            If the output cannot be written.
        """
        name = str(self.output.resolve()).replace("/", "-")
        with exclusive(f"batch{name[-100:]}", timeout_s=1.0), storing(self.output, ours=False):
            return self._run(show_output=show_output, on_progress=on_progress)

    def status(self) -> BatchStatus:
        """Return how far the job is, from its output folder; also while another process runs it.

        Raises
        ------
        BatchOutputError
            If it was never run.
        """
        return BatchStatus.of(self.output)

    def _run(
        self, *, show_output: bool, on_progress: Callable[[BatchStatus], None] | None
    ) -> BatchSummary:
        require_batchable(
            self.bundle, check=self.check, trust_model=self.trust_model, show_output=show_output
        )
        plan = self._planned()
        manifest = Manifest(self.output / OURS / "manifest.jsonl")
        entries = manifest.entries()
        shutil.rmtree(self.output / DRAFTS, ignore_errors=True)
        left = [each for each in plan.pieces if each.number not in entries]
        before = BatchStatus.counted(self.output, plan, entries.values(), is_complete=False)
        with (
            progress_of(before, shown=show_output, on_progress=on_progress) as report,
            tempfile.TemporaryDirectory(prefix="modelship-batch-") as folder,
        ):
            place = self.bundle.save(Path(folder) / "bundle")
            work = Work(str(place), str(self.output), plan, self.timeout_s, self.start_timeout_s)
            failed = sum(each.failed for each in entries.values())
            try:
                for result in self.engine.run(work, left, stopped=self._stopped):
                    if result.piece in entries:
                        continue
                    entries[result.piece] = self._enter(plan, result, manifest)
                    report(entries[result.piece])
                    failed += result.failed
                    if 0 <= self.error_threshold < failed:
                        raise self._stop(
                            plan, entries, f"{failed} rows failed, more than {self.error_threshold}"
                        )
            except ScriptNotReadyError as error:
                raise self._stop(
                    plan, entries, "the script does not start", log=str(error)
                ) from error
        return self._complete(plan, entries, scored=len(left))

    def _planned(self) -> BatchPlan:
        """Return the plan of the folder, which this job must have; write it if there is none."""
        plan, path = self.plan(), self.output / OURS / "plan.json"
        try:
            before = BatchPlan.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            write_atomic(path, plan.to_json())
            return plan
        if difference := _difference(before, plan):
            raise BatchResumeError(str(self.output), difference)
        return before

    def _pieces(self, files: Sequence[InputFile]) -> list[Piece]:
        if self.options.are_files:
            return _pieces_of_files(len(files), size=10 * self.options.items_per_call)
        found: list[Piece] = []
        for number, file in enumerate(files):
            with Path(file.path).open("rb") as source:
                cuts = formats()[file.format].cuts(source, piece_bytes=self.options.piece_bytes)
            for part, cut in enumerate(cuts):
                found.append(Piece(len(found), number, **asdict(cut), part=part))
        return found

    def _enter(self, plan: BatchPlan, result: PieceResult, manifest: Manifest) -> Entry:
        """Move the output of a piece to its name, and enter it in the manifest."""
        piece = plan.pieces[result.piece]
        suffix = formats()[plan.output_format(piece)].suffixes[0]
        name = "predictions" if plan.options.are_files else plan.files[piece.file].name
        stem = f"{Path(name).with_suffix('')}-{piece.part:05d}"
        output = f"{stem}{suffix}" if result.draft else ""
        for draft, place in (
            (result.draft, output),
            (result.failures, f"{FAILED}/{stem}.jsonl"),
        ):
            if draft:
                target = self.output / place
                target.parent.mkdir(parents=True, exist_ok=True)
                (self.output / draft).replace(target)
        entry = Entry(
            piece=result.piece,
            rows_in=result.rows_in,
            rows_out=result.rows_out,
            failed=result.failed,
            output=output,
            size_bytes=result.size_bytes,
            digest=result.digest,
            seconds=round(result.seconds, 3),
            ended=time.time(),
        )
        manifest.append(entry)
        return entry

    def _complete(self, plan: BatchPlan, entries: dict[int, Entry], *, scored: int) -> BatchSummary:
        """Check that every row is accounted for, and write the counts."""
        counts: Counter[str] = Counter()
        for each in entries.values():
            counts.update(rows_in=each.rows_in, rows_out=each.rows_out, failed=each.failed)
        if (
            len(entries) != len(plan.pieces)
            or counts["rows_in"] != plan.rows
            or (counts["rows_in"] != counts["rows_out"] + counts["failed"])
        ):
            raise self._stop(plan, entries, "not every row is accounted for")
        shutil.rmtree(self.output / DRAFTS, ignore_errors=True)
        summary = BatchSummary(
            rows_in=counts["rows_in"],
            rows_out=counts["rows_out"],
            failed=counts["failed"],
            pieces=len(plan.pieces),
            scored=scored,
            output=str(self.output),
            seconds=round(busy_seconds(entries.values()), 3),
        )
        document = {"job": plan.digest, "bundle": plan.bundle_digest, **asdict(summary)}
        write_atomic(self.output / SUCCESS, json.dumps(document, indent=1) + "\n")
        return summary

    def _stop(
        self, plan: BatchPlan, entries: dict[int, Entry], problem: str, *, log: str = ""
    ) -> BatchStoppedError:
        return BatchStoppedError(problem, done=len(entries), pieces=len(plan.pieces), log=log)


def _pieces_of_files(count: int, *, size: int) -> list[Piece]:
    """Return pieces of `size` files each: all of them are positions in the plan."""
    return [
        Piece(part, start, start, stop, start, stop - start, part)
        for part, start in enumerate(range(0, count, size))
        for stop in [min(start + size, count)]
    ]


def _difference(before: BatchPlan, now: BatchPlan) -> str:
    if before.bundle_digest != now.bundle_digest:
        return "its bundle was another one"
    if before.options != now.options:
        return f"its options were {before.options}"
    known = {each.path: each for each in before.files}
    for each in now.files:
        if known.pop(each.path, None) != each:
            return f"the input file {each.path} is new, or has changed"
    return f"the input file {next(iter(known))} is missing" if known else ""
