"""Run a batch job: plan it or take up its plan, let an engine score, and enter what is done."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from modelship.batch.batch_account import BatchAccount
from modelship.batch.batch_checks import require_batchable
from modelship.batch.batch_plan import digests_of
from modelship.batch.batch_progress import progress_of
from modelship.batch.batch_status import BatchStatus
from modelship.batch.bisecting import TooManyFailedError
from modelship.batch.equal_answers import equal_answers, require_known_types
from modelship.batch.first_rows import NothingScoredError, proven_results
from modelship.batch.job_facts import note_facts
from modelship.batch.joined_elements import join_elements, remove_elements
from modelship.batch.output_folder import OutputFolder
from modelship.batch.output_names import SUCCESS
from modelship.batch.piece_progress import PieceProgress
from modelship.batch.piece_work import Work
from modelship.batch.planning import files_of_job
from modelship.batch.scoring_process import ScriptNotReadyError
from modelship.batch.slow_pieces import cuts_of, splitting_of, with_cuts
from modelship.batch.store_waits import showing_waits
from modelship.diagnosis.redaction import hiding
from modelship.errors import BatchResumeError
from modelship.runtime.owned_folders import owned_folder
from modelship.runtime.variables import as_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from modelship.batch.batch_job import BatchJob
    from modelship.batch.batch_plan import BatchPlan, Piece
    from modelship.batch.batch_progress import ProgressReport
    from modelship.batch.batch_summary import BatchSummary
    from modelship.batch.manifest import Manifest
    from modelship.batch.piece_work import PieceResult
    from modelship.errors import BatchStoppedError

__all__ = ["run_job"]


def run_job(
    job: BatchJob, *, show_output: bool, on_progress: Callable[[BatchStatus], None] | None
) -> BatchSummary:
    """Score what is not scored yet; see :meth:`BatchJob.run`."""
    job.stopped.clear()
    read = as_secrets(job.secrets, beside=job.variables).values()
    folder = OutputFolder(job.output)
    with (
        showing_waits(shown=show_output),
        folder.files.storing(),
        hiding(each.value for each in read),
    ):
        folder.require_ours()
        require_batchable(
            job.bundle,
            check=job.check,
            trust_model=job.trust_model,
            variables=job.variables,
            secrets=job.secrets,
            show_output=show_output,
        )
        with folder.driven():
            return _run(job, folder, show_output=show_output, on_progress=on_progress)


def _run(
    job: BatchJob,
    folder: OutputFolder,
    *,
    show_output: bool,
    on_progress: Callable[[BatchStatus], None] | None,
) -> BatchSummary:
    plan = _planned(job, folder)
    note_facts(job.output, job.bundle, job.engine)
    manifest = folder.manifest(plan)
    account = BatchAccount(*folder.resume(plan, manifest, verify=job.verify))
    if not folder.files.exists(SUCCESS):
        require_known_types(account.entries, output=str(job.output))
    run = _Run(job, folder, manifest, account)
    run.require_allowed()  # an earlier run may have ended by it
    scored = run.score(show_output=show_output, on_progress=on_progress)
    run.equal_answers()
    return run.complete(scored)


@dataclass(frozen=True)
class _Run:
    """A run of a job, and what is done of the job."""

    job: BatchJob
    folder: OutputFolder
    manifest: Manifest
    account: BatchAccount

    def score(self, *, show_output: bool, on_progress: Callable[[BatchStatus], None] | None) -> int:
        """Score the pieces that are not done, and return how many these were."""
        job, account = self.job, self.account
        left = [each for each in account.plan.pieces if each.number not in account.entries]
        before = BatchStatus.counted(
            job.output, account.plan, account.entries.values(), state="running"
        )
        with (
            self._ending(),
            progress_of(before, shown=show_output, on_progress=on_progress) as report,
            closing(_results(job, account.plan, left, is_proven=account.is_proven)) as results,
        ):
            for result in results:
                self._take(result, left, report)
        self._require_not_stopped()
        return len(left)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Convert what ends the body early; a plan of which nothing is done is removed."""
        try:
            yield
        except KeyboardInterrupt:
            self.job.stopped.set()
        except (ScriptNotReadyError, NothingScoredError, TooManyFailedError) as error:
            # What has no entry may be corrected, and run again.
            if not (self.account.entries or self.account.plan.origin):
                self.folder.forget()
            raise self._ended_by(error) from error

    def _take(
        self, result: PieceResult | PieceProgress, left: list[Piece], report: ProgressReport
    ) -> None:
        """Enter a result, unless its piece is done; add the parts of its rest to what is left."""
        account = self.account
        if isinstance(result, PieceProgress):
            report.during(result)
            return
        if result.piece in account.entries:
            return
        account.require_rows(result)
        if result.rest:
            left += self._cut(result)
            report.cut(account.plan)
        entry = self.folder.enter(account.plan, result, self.manifest)
        account.add(entry)
        report.done(entry)
        self.require_allowed()

    def _cut(self, result: PieceResult) -> Sequence[Piece]:
        """Cut a piece that ended early: enter its parts in the manifest; return the new pieces."""
        plan, piece = self.account.plan, self.account.plan.pieces[result.piece]
        cuts = cuts_of(plan, piece, [result.rows_in, *result.rest])
        self.manifest.cut(piece.number, cuts)
        self.account.plan = with_cuts(plan, piece.number, cuts)
        return self.account.plan.pieces[len(plan.pieces) :]

    def equal_answers(self) -> None:
        """Write the output again whose answers have other columns or types than those of others."""
        job, account = self.job, self.account
        made = equal_answers(self.folder, account.plan, dict(account.entries), self.manifest)
        try:
            for entry in made:
                account.entries[entry.piece] = entry
                if job.stopped.is_set():
                    break
        except KeyboardInterrupt:
            job.stopped.set()
        self._require_not_stopped()

    def complete(self, scored: int) -> BatchSummary:
        """Write that the job is complete, and return its counts."""
        plan, entries = self.account.plan, self.account.entries
        summary = self.account.summary(scored=scored, output=str(self.job.output))
        join_elements(self.folder.files, plan, entries.values())
        document = {"job": plan.digest, "bundle": plan.bundle_digest, **asdict(summary)}
        self.folder.complete(document, entries.values())
        remove_elements(self.folder.files, plan)
        return summary

    def require_allowed(self) -> None:
        """Check that no more rows and mini-batches failed than may."""
        self.account.require_at_most(self.job.most_failed)
        self.account.require_batches_at_most(
            self.job.mini_batch_error_threshold, percent=self.job.allowed_failed_percent
        )

    def _require_not_stopped(self) -> None:
        if self.job.stopped.is_set():
            raise self.account.interrupted()

    def _ended_by(
        self, error: ScriptNotReadyError | NothingScoredError | TooManyFailedError
    ) -> BatchStoppedError:
        """Return the error of a job whose pieces could not be scored."""
        if isinstance(error, ScriptNotReadyError):
            return self.account.not_ready(str(error), advice=error.advice)
        if isinstance(error, NothingScoredError):
            return self.account.nothing_scored(error.tried)
        problem = f"{error.failed} rows of a piece failed, more than {self.job.most_failed}"
        return self.account.too_many(problem, log=error.reason)


def _results(
    job: BatchJob, plan: BatchPlan, left: Sequence[Piece], *, is_proven: bool
) -> Generator[PieceResult | PieceProgress, None, None]:
    """Yield the results of the pieces that are left, as the engine has them."""
    if not left or job.stopped.is_set():
        return
    with owned_folder("modelship-batch-") as place:
        bundle = job.bundle.save(place / "bundle")
        work = Work(
            str(bundle),
            job.output if isinstance(job.output, str) else str(job.output.absolute()),
            plan,
            job.timeout_s,
            job.start_timeout_s,
            job.variables,
            job.secrets,
            retries=job.retries,
            memory_gb=job.memory_gb,
            error_threshold=job.most_failed,
            may_postpone=job.may_postpone and not is_proven,
            splitting=splitting_of(job.options, job.engine, left),
        )
        yield from proven_results(job.engine, work, left, stopped=job.stopped)


def _planned(job: BatchJob, folder: OutputFolder) -> BatchPlan:
    """Return the plan of the folder, which this job must have; write it if there is none."""
    before = folder.plan()
    if before is None:
        plan = job.plan()
        folder.begin(plan)
        return plan
    # The pieces follow from the files: there is no need to read these again.
    now = replace(
        before,
        bundle_digest=job.bundle.digest,
        options=job.options,
        variables=digests_of(job.variables),
    )
    files = files_of_job(job.inputs, job.output, job.options)
    if difference := replace(now, files=files).difference_from(before):
        raise BatchResumeError(str(job.output), difference)
    return before
