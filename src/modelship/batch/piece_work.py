"""Score one piece: read its rows, score them, write those that succeeded and note the others."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from modelship.batch.answer_forms import answer_columns
from modelship.batch.bisecting import BadRow, Bisection
from modelship.batch.call_sizes import FixedSize
from modelship.batch.first_rows import NothingScoredError, PostponedPiece
from modelship.batch.mini_batch_work import scored_in_mini_batches
from modelship.batch.output_files import output_files
from modelship.batch.output_names import DRAFTS
from modelship.batch.piece_progress import PieceProgress, progress_teller
from modelship.batch.piece_rows import read_piece
from modelship.batch.scored_rows import ScoredRows
from modelship.batch.scoring_process import put_part
from modelship.batch.slow_pieces import may_be_cut
from modelship.diagnosis.redaction import hidden, hiding
from modelship.runtime.variables import as_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from modelship.batch.batch_plan import BatchPlan, Piece
    from modelship.batch.bisecting import ScoreCall
    from modelship.batch.call_sizes import CallSizes
    from modelship.batch.first_rows import TriedRows
    from modelship.batch.manifest import AnswerColumn, BadBatch
    from modelship.batch.piece_rows import PieceRows
    from modelship.batch.scoring_process import ScoringProcess
    from modelship.batch.slow_pieces import Splitting
    from modelship.runtime.variables import Secret

__all__ = ["PieceOutcome", "PieceResult", "Work", "score_piece"]

_REASON_CHARACTERS = 1000


@dataclass(frozen=True)
class Work:
    """What all pieces of a job have in common.

    Parameters
    ----------
    bundle : str
        The folder of the bundle.
    output : str
        The folder of the output, or its URL.
    plan : BatchPlan
        The plan.
    timeout_s : float
        How long one call of run() may take, in seconds.
    start_timeout_s : float
        How long the environment, and then init(), may take, in seconds.
    given : Mapping[str, str]
        The environment variables of the user.
    secrets : Mapping[str, str or Secret]
        The secret ones, by their sources, which are read where a process starts: only these can be
        sent to another machine.
    retries : int
        How many times a row that failed alone is tried again.
    memory_gb : float
        How much memory a scoring process may have, in GB; 0 for any.
    error_threshold : int
        How many rows may fail; -1 for any number. A piece with more is abandoned.
    may_postpone : bool
        Whether a piece is postponed if rows all over it fail.
    splitting : Splitting, optional
        Decides whether a piece that takes long ends early; None if none does.
    """

    bundle: str
    output: str
    plan: BatchPlan
    timeout_s: float
    start_timeout_s: float
    given: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str | Secret] = field(default_factory=dict)
    retries: int = 1
    memory_gb: float = 0.0
    error_threshold: int = -1
    may_postpone: bool = False
    splitting: Splitting | None = None

    @property
    def secret_values(self) -> dict[str, str]:
        """The secrets, read from their sources now."""
        read = as_secrets(self.secrets, beside=self.given)
        return {name: each.value for name, each in read.items()}

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the scoring processes, with the secrets."""
        return {
            **self.given,
            **self.secret_values,
            "AZUREML_BI_OUTPUT_PATH": self.output,
            "MODELSHIP_BATCH_ITEMS": self.plan.options.items,
            "MODELSHIP_BATCH_ARGUMENTS": json.dumps(self.plan.options.arguments),
            "MODELSHIP_BATCH_OUTPUT_ACTION": self.plan.options.output_action,
        }


@dataclass(frozen=True)
class PieceResult:
    """What came of a piece, before it is entered in the manifest.

    Parameters
    ----------
    piece : int
        Its number.
    rows_in, rows_out, failed : int
        How many rows it had, how many were written, and how many failed.
    draft : str
        The path of its output below the folder of the job, under a temporary name; ``""`` if no
        row was written.
    failures : str
        The path of the file with the failed rows, likewise.
    failures_bytes : int
        The size of that file.
    size_bytes : int
        The size of the output.
    digest : str
        The hex sha256 digest of the output.
    seconds : float
        How long it took.
    answers : tuple[AnswerColumn, ...]
        The columns of the answers.
    failed_batches : int
        How many of its mini-batches failed, if ParallelRunStep's are scored.
    rest : tuple[int, ...]
        How many rows each new piece has, if it ended early: it is the first `rows_in` rows then.
    """

    piece: int
    rows_in: int
    rows_out: int
    failed: int
    draft: str
    failures: str
    failures_bytes: int
    size_bytes: int
    digest: str
    seconds: float
    answers: tuple[AnswerColumn, ...]
    failed_batches: int = 0
    bad_batches: tuple[BadBatch, ...] = ()
    rest: tuple[int, ...] = ()


_Bad = TypeVar("_Bad", "BadRow", "BadBatch")
PieceOutcome: TypeAlias = "PieceResult | PostponedPiece | PieceProgress"
"""What comes of a piece that an engine was given; with :class:`PieceProgress` in between."""


def score_piece(
    work: Work,
    piece: Piece,
    process: ScoringProcess,
    *,
    tell: Callable[[PieceProgress], None] = lambda _progress: None,
) -> PieceResult | PostponedPiece:
    """Score a piece, and write what came of it under temporary names; or postpone it.

    `tell` is called with its progress, about once a second.

    Raises
    ------
    ScriptNotReadyError
        If the script does not start.
    BatchInputError
        If the input cannot be read, or has changed.
    TooManyFailedError
        If more rows fail than the job allows.
    OSError
        If the output cannot be written.
    """
    process.start()  # before the clock: init() tells nothing of how fast rows are scored
    began = time.monotonic()
    rows = read_piece(work.plan, piece)
    try:
        scored = _scored(work, rows, process, tell=progress_teller(piece, tell))
    except NothingScoredError as error:
        return _postponed(work, piece, error.tried)
    rest: tuple[int, ...] = ()
    if scored.rest:
        rows, rest = rows.divided(scored.count, scored.rest)
    files = output_files(work.output)
    attempt = f"{DRAFTS}/{piece.number}-{uuid.uuid4().hex}"
    draft, size, digest = "", 0, ""
    if scored.write is not None:
        draft = attempt
        size, digest = files.write_draft(draft, scored.write)
    failures, failures_bytes = "", 0
    failed = scored.failed + len(rows.rows.refused)
    if failed:
        failures = f"{attempt}.failed"
        lines = rows.failures(_without_secrets(scored.bad, work), scored.missing)
        failures_bytes, _ = files.write_draft(failures, lambda sink: sink.write(lines))
    return PieceResult(
        piece=piece.number,
        rows_in=rows.count,
        rows_out=scored.rows_out,
        failed=failed,
        draft=draft,
        failures=failures,
        failures_bytes=failures_bytes,
        size_bytes=size,
        digest=digest,
        seconds=time.monotonic() - began,
        answers=scored.answers,
        failed_batches=scored.failed_batches,
        bad_batches=tuple(_without_secrets(scored.bad_batches, work)),
        rest=rest,
    )


def _scored(
    work: Work, rows: PieceRows, process: ScoringProcess, *, tell: Callable[[int, int], None]
) -> ScoredRows:
    """Score the rows of a piece."""
    table = rows.script_table
    if not table.num_rows:
        return ScoredRows()
    if work.plan.options.output_action:
        return scored_in_mini_batches(work, table, process, tell=tell)
    bisection = Bisection(
        _call_of(table, process),
        timeout_s=work.timeout_s,
        retries=work.retries,
        most_failed=work.error_threshold,
        needs_proof=work.may_postpone,
        tell=tell,
        splitting=work.splitting if may_be_cut(rows.plan, rows.piece) else None,
    )
    answers, bad = bisection.run(table.num_rows, sizes=_sizes(work, process))
    if not answers:
        return ScoredRows(bad=bad)
    spans = [(start, stop) for start, stop, _ in answers]
    found = rows.answers(each for *_, each in answers)
    return ScoredRows(
        rows_out=sum(stop - start for start, stop in spans),
        write=partial(rows.write, found, spans),
        answers=answer_columns(found),
        bad=bad,
        rest=bisection.rest,
    )


def _sizes(work: Work, process: ScoringProcess) -> CallSizes:
    """Return the sizes of calls: those of the process, unless their size is given."""
    options = work.plan.options
    if options.call_rows or options.are_files:
        return FixedSize(options.items_per_call)
    return process.sizes


def _call_of(table: pa.Table, process: ScoringProcess) -> ScoreCall:
    """Return what scores rows of a table, which are placed in the shared memory once.

    If they do not have the form that the script takes, they are placed for each call: then only
    the rows fail that are the cause.
    """
    try:
        process.put(table)
    except ValueError:
        return _call_of_parts(table, process)
    return process.score


def _call_of_parts(table: pa.Table, process: ScoringProcess) -> ScoreCall:
    def score(first: int, stop: int, *, timeout_s: float) -> pa.Table:
        put_part(process, table, first, stop)
        return process.score(0, stop - first, timeout_s=timeout_s)

    return score


def _postponed(work: Work, piece: Piece, tried: TriedRows) -> PostponedPiece:
    with hiding(work.secret_values.values()):
        reason = hidden(tried.reason)[:_REASON_CHARACTERS]
        return PostponedPiece(piece.number, replace(tried, reason=reason, log=hidden(tried.log)))


def _without_secrets(bad: list[_Bad], work: Work) -> list[_Bad]:
    """Return what failed without secrets that the script put into its messages.

    These are shortened only then: the beginning of a secret would not be found.
    """
    with hiding(work.secret_values.values()):
        return [replace(each, reason=hidden(each.reason)[:_REASON_CHARACTERS]) for each in bad]
