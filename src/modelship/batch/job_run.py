"""Run a batch job: plan it or take up its plan, let an engine score, and enter what is done."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from modelship.batch.batch_account import BatchAccount
from modelship.batch.batch_checks import require_batchable
from modelship.batch.batch_plan import digests_of
from modelship.batch.batch_progress import progress_of
from modelship.batch.batch_status import BatchStatus
from modelship.batch.bisecting import TooManyFailedError
from modelship.batch.equal_answers import equal_answers
from modelship.batch.first_rows import NothingScoredError, proven_results
from modelship.batch.job_facts import note_facts
from modelship.batch.joined_elements import join_elements, remove_elements
from modelship.batch.output_folder import OutputFolder
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
    from collections.abc import Callable, Generator, Sequence

    from modelship.batch.batch_job import BatchJob
    from modelship.batch.batch_plan import BatchPlan, Piece
    from modelship.batch.batch_summary import BatchSummary
    from modelship.batch.manifest import Manifest
    from modelship.batch.piece_work import PieceResult
    from modelship.errors import BatchStoppedError

__all__ = ["run_job"]


def run_job(
    job: BatchJob, *, show_output: bool, on_progress: Callable[[BatchStatus], None] | None
) -> BatchSummary:
    """Score what is not scored yet; see :meth:`BatchJob.run`."""
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
    job.stopped.clear()
    plan = _planned(job, folder)
    note_facts(job.output, job.bundle, job.engine)
    manifest = folder.manifest(plan)
    account = BatchAccount(*folder.resume(plan, manifest, verify=job.verify))
    plan = account.plan
    left = [each for each in plan.pieces if each.number not in account.entries]
    before = BatchStatus.counted(job.output, plan, account.entries.values(), state="running")
    _require_allowed(job, account)  # an earlier run may have ended by it
    try:
        with (
            progress_of(before, shown=show_output, on_progress=on_progress) as report,
            closing(_results(job, plan, left, is_proven=account.is_proven)) as results,
        ):
            for result in results:
                if isinstance(result, PieceProgress):
                    report.during(result)
                    continue
                if result.piece in account.entries:
                    continue
                account.require_rows(result)
                if result.rest:
                    left += _cut(account, result, manifest)
                    report.cut(account.plan)
                entry = folder.enter(account.plan, result, manifest)
                account.add(entry)
                report.done(entry)
                _require_allowed(job, account)
    except KeyboardInterrupt:
        job.stopped.set()
    except (ScriptNotReadyError, NothingScoredError, TooManyFailedError) as error:
        if not (account.entries or account.plan.origin):  # it may be corrected, and run again
            folder.forget()
        raise _ended_by(error, job, account) from error
    if job.stopped.is_set():
        raise account.interrupted()
    _equal_answers(job, folder, account, manifest)
    summary = account.summary(scored=len(left), output=str(job.output))
    join_elements(folder.files, account.plan, account.entries.values())
    document = {"job": plan.digest, "bundle": plan.bundle_digest, **asdict(summary)}
    folder.complete(document, account.entries.values())
    remove_elements(folder.files, account.plan)
    return summary


def _cut(account: BatchAccount, result: PieceResult, manifest: Manifest) -> Sequence[Piece]:
    """Cut a piece that ended early: enter its parts in the manifest, and return the new pieces."""
    plan, piece = account.plan, account.plan.pieces[result.piece]
    cuts = cuts_of(plan, piece, [result.rows_in, *result.rest])
    manifest.cut(piece.number, cuts)
    account.plan = with_cuts(plan, piece.number, cuts)
    return account.plan.pieces[len(plan.pieces) :]


def _equal_answers(
    job: BatchJob, folder: OutputFolder, account: BatchAccount, manifest: Manifest
) -> None:
    """Write the output again whose answers have other columns or types than those of others."""
    try:
        for entry in equal_answers(folder, account.plan, dict(account.entries), manifest):
            account.entries[entry.piece] = entry
            if job.stopped.is_set():
                break
    except KeyboardInterrupt:
        job.stopped.set()
    if job.stopped.is_set():
        raise account.interrupted()


def _results(
    job: BatchJob, plan: BatchPlan, left: Sequence[Piece], *, is_proven: bool
) -> Generator[PieceResult | PieceProgress, None, None]:
    """Yield the results of the pieces that are left, as the engine has them."""
    if not left:
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


def _require_allowed(job: BatchJob, account: BatchAccount) -> None:
    account.require_at_most(job.most_failed)
    account.require_batches_at_most(job.mini_batch_error_threshold)


def _ended_by(
    error: ScriptNotReadyError | NothingScoredError | TooManyFailedError,
    job: BatchJob,
    account: BatchAccount,
) -> BatchStoppedError:
    """Return the error of a job whose pieces could not be scored."""
    if isinstance(error, ScriptNotReadyError):
        return account.not_ready(str(error))
    if isinstance(error, NothingScoredError):
        return account.nothing_scored(error.tried)
    problem = f"{error.failed} rows of a piece failed, more than {job.most_failed}"
    return account.too_many(problem, log=error.reason)


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
