"""Score one piece: read its rows, score them, write those that succeeded and note the others."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelship.batch.answer_tables import joined_answers
from modelship.batch.bisecting import BadRow, score_all
from modelship.batch.row_files import Cut, formats
from modelship.diagnosis.redaction import hidden, hiding
from modelship.runtime.variables import as_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.batch.batch_plan import BatchPlan, Piece
    from modelship.batch.scoring_process import ScoringProcess
    from modelship.runtime.variables import Secret

__all__ = ["DRAFTS", "PieceResult", "Work", "score_piece"]

DRAFTS = "_modelship/drafts"
"""The folder of the output that holds what is not complete yet."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Work:
    """What all pieces of a job have in common.

    Parameters
    ----------
    bundle : str
        The folder of the bundle.
    output : str
        The folder of the output.
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
    """

    bundle: str
    output: str
    plan: BatchPlan
    timeout_s: float
    start_timeout_s: float
    given: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str | Secret] = field(default_factory=dict)

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


def score_piece(work: Work, piece: Piece, process: ScoringProcess) -> PieceResult:
    """Score a piece, and write what came of it under temporary names.

    Raises
    ------
    ScriptNotReadyError
        If the script does not start.
    OSError, pyarrow.ArrowException
        If the input cannot be read, or the output cannot be written.
    """
    began = time.monotonic()
    options = work.plan.options
    table = _rows(work.plan, piece)
    process.put(table)
    answers, bad = score_all(
        lambda start, stop: process.score(start, stop, timeout_s=work.timeout_s),
        rows=table.num_rows,
        call_rows=options.items_per_call,
    )
    if options.are_files:  # their output has the names, not the places
        table = pa.table({"file": [each.name for each in work.plan.files_of(piece)]})
    attempt = f"{DRAFTS}/{piece.number}-{uuid.uuid4().hex}"
    out = _joined(table, answers, columns=options.columns)
    draft, size, digest = "", 0, ""
    if out is not None:
        draft = attempt
        written = formats()[work.plan.output_format(piece)]
        size, digest = _write(Path(work.output) / draft, lambda sink: written.write(out, sink))
    failures, failures_bytes = "", 0
    if bad:
        failures = f"{attempt}.failed"
        lines = _lines(work.plan, piece, table, _without_secrets(bad, work))
        failures_bytes, _ = _write(Path(work.output) / failures, lambda sink: sink.write(lines))
    return PieceResult(
        piece=piece.number,
        rows_in=table.num_rows,
        rows_out=0 if out is None else out.num_rows,
        failed=len(bad),
        draft=draft,
        failures=failures,
        failures_bytes=failures_bytes,
        size_bytes=size,
        digest=digest,
        seconds=time.monotonic() - began,
    )


def _rows(plan: BatchPlan, piece: Piece) -> pa.Table:
    """Return the rows of a piece; those of files are their paths."""
    if plan.options.are_files:
        return pa.table({"path": [each.path for each in plan.files_of(piece)]})
    file = plan.files[piece.file]
    cut = Cut(piece.start, piece.stop, piece.first_row, piece.rows)
    with Path(file.path).open("rb") as source:
        return formats()[file.format].read(source, cut)


def _joined(
    table: pa.Table, answers: list[tuple[int, int, pa.Table]], *, columns: tuple[str, ...] | None
) -> pa.Table | None:
    """Return the rows that succeeded, with the columns of their answers; None if there are none."""
    if not answers:
        return None
    kept = table if columns is None else table.select(list(columns))
    rows = pa.concat_tables(kept.slice(start, stop - start) for start, stop, _ in answers)
    scored = joined_answers(each for *_, each in answers)
    for name in scored.column_names:
        place = name if name not in rows.column_names else f"{name}_scored"
        rows = rows.append_column(place, scored.column(name))
    return rows


def _without_secrets(bad: list[BadRow], work: Work) -> list[BadRow]:
    """Return the failed rows without secrets that the script put into its messages."""
    with hiding(work.secret_values.values()):
        return [BadRow(each.row, hidden(each.reason)) for each in bad]


def _lines(plan: BatchPlan, piece: Piece, table: pa.Table, bad: list[BadRow]) -> bytes:
    """Return the failed rows, or files, as JSON lines."""
    rows = table.take([each.row for each in bad]).to_pylist()
    documents: list[dict[str, Any]] = [
        values | {"reason": each.reason}
        if plan.options.are_files
        else {
            "file": plan.files[piece.file].name,
            "row": piece.first_row + each.row,
            "reason": each.reason,
            "values": values,
        }
        for each, values in zip(bad, rows, strict=True)
    ]
    return "".join(json.dumps(each, default=str) + "\n" for each in documents).encode()


def _write(path: Path, write: Any) -> tuple[int, str]:
    """Write a file and sync it to the disk; return its size and its digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w+b") as sink:
        write(sink)
        sink.flush()
        os.fsync(sink.fileno())
        sink.seek(0)
        digest = hashlib.sha256()
        while chunk := sink.read(_CHUNK_BYTES):
            digest.update(chunk)
        return sink.tell(), digest.hexdigest()
