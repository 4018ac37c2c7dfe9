"""Score files with a pool of worker processes, as a job of Azure's batch deployments does.

It needs only the standard library and the modules of this package, of which a copy runs in the
environment of a script: ``python -m modelship.batch.mini_batch.batch_pool SETTINGS.json`` runs a
job there. The file has the fields of ``BatchSettings``. The exit code is 0, or 1 if the job failed.

The rules, from the sources that ``mini_batches.py`` names:

========================================================================================= ======
rule                                                                                      from
========================================================================================= ======
a mini-batch has ``mini_batch_size`` files, the last one the rest                         [2]
a mini-batch of a table has about ``mini_batch_size`` bytes of it                         [2]
it may have rows of several small files                                                   assumed
with ``partition_keys``, it has all that has the same values of these keys                [2]
these are the names of folders, as in ``year=2026/``                                      assumed
the files are those of the folder and its subfolders, in the order of their names         assumed
a mini-batch that fails, or takes longer than the timeout, is tried again                 [2]
``max_retries`` are the tries after the first one                                         assumed
a mini-batch that succeeds after a failure is no failure                                  [2]
after the last try, all its items have failed                                             [2]
missing elements are failures at once, and no reason for another try                      assumed
more failures than ``error_threshold`` in the whole job end it; -1 ignores all            [2]
so do more failed mini-batches than ``allowed_failed_count``; -1 ignores all              [2]
and than ``allowed_failed_percent``, once all mini-batches have been begun                [2]
a failed mini-batch is one whose last try failed; items alone do not count here           assumed
``append_row`` writes the rows of all mini-batches to one file, in no promised order      [1, 2]
here: in the order of the mini-batches; and no file if the job failed                     assumed
``summary_only`` writes no file: the script writes to ``AZUREML_BI_OUTPUT_PATH``          [1, 2]
an ``init()`` that fails ends the job                                                     assumed
a process that is killed in ``init()`` is started again, twice at most                    assumed
========================================================================================= ======
"""

from __future__ import annotations

import json
import queue
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.batch.mini_batch.batch_worker import BatchWorker, InitError
from modelship.batch.mini_batch.mini_batch_settings import BatchSettings
from modelship.batch.mini_batch.mini_batch_splitting import MiniBatch, SplitError, mini_batches_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BatchFailedError", "BatchSummary", "score_files"]

_LEVELS = {"WARNING": 2, "INFO": 1, "DEBUG": 0}
_PERCENT = 100


class BatchFailedError(Exception):
    """A job failed; the message says why."""


@dataclass(frozen=True)
class BatchSummary:
    """What a job did.

    Parameters
    ----------
    items : int
        How many files, or rows of tables, there were.
    failed : int
        How many of them failed.
    rows : int
        How many elements were returned.
    failed_batches : int
        How many mini-batches failed.
    """

    items: int
    failed: int
    rows: int
    failed_batches: int = 0


def score_files(
    settings: BatchSettings,
    *,
    python: str = sys.executable,
    say: Callable[[str], None] | None = None,
) -> BatchSummary:
    """Run a job.

    Parameters
    ----------
    settings : BatchSettings
        What to score, and how.
    python : str
        The Python for the script.
    say : Callable, optional
        Receives lines for the log of the job; by default they are printed.

    Raises
    ------
    BatchFailedError
        If there is nothing to score, too much failed, or ``init()`` did.
    """
    say = say or _print
    batches = _split(settings)
    Path(settings.output).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mini-batches-") as folder:
        job = _Job(settings, batches, Path(folder), python, say)
        summary = job.run()
        if settings.append_row:
            _join(Path(folder), len(batches), Path(settings.output) / settings.output_file_name)
    say(f"{summary.items} items, {summary.failed} failed, {summary.rows} rows.")
    return summary


def _split(settings: BatchSettings) -> list[MiniBatch]:
    try:
        batches = mini_batches_of(settings)
    except SplitError as error:
        raise BatchFailedError(str(error)) from error
    if not batches:
        what = "file" if settings.kind == "files" else "row"
        raise BatchFailedError(f"There is no {what} in the input: name a folder that has some.")
    return batches


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")  # at once, as several threads write
    sys.stdout.flush()


def _join(folder: Path, count: int, target: Path) -> None:
    """Write the rows of all mini-batches to one file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    with draft.open("wb") as whole:
        for number in range(count):
            part = folder / str(number)
            if part.exists():
                with part.open("rb") as rows:
                    shutil.copyfileobj(rows, whole)
    draft.replace(target)


@dataclass
class _Job:
    """A job under way."""

    settings: BatchSettings
    batches: Sequence[MiniBatch]
    folder: Path
    python: str
    say: Callable[[str], None]
    failed: int = 0
    rows: int = 0
    failed_batches: int = 0
    problem: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.left: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(self.batches)):
            self.left.put(number)

    def run(self) -> BatchSummary:
        """Score all mini-batches in threads, each with a worker of its own."""
        count = max(1, min(self.settings.workers, len(self.batches)))
        self._tell("INFO", f"{len(self.batches)} mini-batches, {count} processes.")
        threads = [threading.Thread(target=self._work) for _ in range(count)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if self.problem:
            raise BatchFailedError(self.problem)
        items = sum(each.items for each in self.batches)
        return BatchSummary(items, self.failed, self.rows, self.failed_batches)

    def _work(self) -> None:
        given = self.settings
        variables = {"AZUREML_BI_OUTPUT_PATH": given.output, **given.variables}
        worker = BatchWorker(
            self.python, given.script, arguments=given.arguments, variables=variables
        )
        try:
            while not self.ended.is_set():
                self._score(self.left.get_nowait(), worker)
        except queue.Empty:
            pass
        except InitError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - such as a full disk
            self._end(f"{type(error).__name__}: {error}")
        finally:
            worker.end()

    def _score(self, number: int, worker: BatchWorker) -> None:
        """Score one mini-batch, in as many tries as it may take."""
        batch, tries = self.batches[number], 1 + self.settings.max_retries
        found: dict[str, Any] = {}
        for count in range(1, tries + 1):
            start_s = time.monotonic()
            found = worker.score(batch, self.settings.timeout_s, self.ended)
            spent_s = time.monotonic() - start_s
            self._tell("DEBUG", f"Mini-batch {number}, try {count} of {tries}: {spent_s:.3f} s.")
            if self.ended.is_set() or not found["error"]:
                break
            problem = found["error"].rstrip()
            self._tell("WARNING", f"Mini-batch {number}, try {count} of {tries}: {problem}")
        if not self.ended.is_set():
            self._enter(number, found)

    def _enter(self, number: int, found: dict[str, Any]) -> None:
        """Account for a mini-batch, and end the job if too much has failed."""
        failed = max(0, found["items"] - found["rows"])
        part = self.folder / str(number)
        # A row may have the name of a file that is not UTF-8.
        part.write_text(found["text"], encoding="utf-8", errors="backslashreplace")
        level = "WARNING" if failed else "INFO"
        self._tell(level, f"Mini-batch {number}: {found['items']} items, {failed} failed.")
        with self.lock:
            self.failed += failed
            self.rows += found["rows"]
            self.failed_batches += bool(found["error"])
            problem = self._excess()
        if problem:
            self._end(f"{problem}: fix the errors in the log, or raise it.")

    def _excess(self) -> str:
        """Return which threshold the failures exceed, if one."""
        given, failed = self.settings, self.failed_batches
        if 0 <= given.error_threshold < self.failed:
            return f"{self.failed} items failed, more than the error_threshold of " + str(
                given.error_threshold
            )
        if 0 <= given.allowed_failed_count < failed:
            return f"{failed} mini-batches failed, more than the allowed_failed_count of " + str(
                given.allowed_failed_count
            )
        percent = _PERCENT * failed / len(self.batches)
        if self.left.empty() and percent > given.allowed_failed_percent:
            return (
                f"{percent:.3g} % of the mini-batches failed, more than the allowed_failed_percent "
                f"of {given.allowed_failed_percent:g}"
            )
        return ""

    def _tell(self, level: str, line: str) -> None:
        if _LEVELS[level] >= _LEVELS[self.settings.logging_level]:
            self.say(line)

    def _end(self, problem: str) -> None:
        with self.lock:
            self.problem = self.problem or problem
        self.ended.set()


def main() -> int:
    """Run the job of a settings file; return the exit code."""
    settings = BatchSettings(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    try:
        score_files(settings)
    except BatchFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
