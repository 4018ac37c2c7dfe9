"""Score files with a pool of worker processes, as a job of Azure's batch deployments does.

It needs only the standard library and the modules of this package, of which a copy runs in the
environment of a script: ``python -m modelship.batch.batch_pool SETTINGS.json`` runs a job there.
The file has the fields of :class:`BatchSettings`. The exit code is 0, or 1 if the job failed.

The rules, from the sources that ``mini_batches.py`` names:

========================================================================================= ======
rule                                                                                      from
========================================================================================= ======
a mini-batch has ``mini_batch_size`` files, the last one the rest                         [2]
the files are those of the folder and its subfolders, in the order of their names         assumed
a mini-batch that fails, or takes longer than the timeout, is tried again                 [2]
``max_retries`` are the tries after the first one                                         assumed
a mini-batch that succeeds after a failure is no failure                                  [2]
after the last try, all its items have failed                                             [2]
missing elements are failures at once, and no reason for another try                      assumed
more failures than ``error_threshold`` in the whole job end it; -1 ignores all            [2]
``append_row`` writes the rows of all mini-batches to one file, in no promised order      [1, 2]
here: in the order of the mini-batches; and no file if the job failed                     assumed
``summary_only`` writes no file: the script writes to ``AZUREML_BI_OUTPUT_PATH``          [1, 2]
an ``init()`` that fails ends the job                                                     assumed
========================================================================================= ======
"""

from __future__ import annotations

import json
import queue
import shutil
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelship.batch.batch_worker import BatchWorker, InitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BatchFailedError", "BatchSettings", "BatchSummary", "mini_batches_of", "score_files"]


class BatchFailedError(Exception):
    """A job failed; the message says why."""


@dataclass(frozen=True)
class BatchSettings:
    """What to score, and how.

    Parameters
    ----------
    script : str
        The path of the scoring script.
    input : str
        The file, or the folder, to score.
    output : str
        The folder for the output; created if it does not exist.
    append_row : bool
        Whether the rows are written to a file.
    output_file_name : str
        Its name.
    mini_batch_size : int
        How many files ``run()`` gets at once.
    error_threshold : int
        How many items may fail in the whole job; -1 for any number.
    max_retries : int
        How often a mini-batch is tried again.
    timeout_s : float
        How long one call of ``run()`` may take, in seconds.
    workers : int
        How many processes score at the same time.
    """

    script: str
    input: str
    output: str
    append_row: bool = True
    output_file_name: str = "predictions.csv"
    mini_batch_size: int = 10
    error_threshold: int = -1
    max_retries: int = 3
    timeout_s: float = 30.0
    workers: int = 1


@dataclass(frozen=True)
class BatchSummary:
    """What a job did: its items, those of them that failed, and the rows that were returned."""

    items: int
    failed: int
    rows: int


def mini_batches_of(place: Path, size: int) -> list[list[str]]:
    """Return the paths of the files at a place, in mini-batches of `size`."""
    if place.is_file():
        return [[str(place)]]
    files = sorted(str(each) for each in place.rglob("*") if each.is_file())
    return [files[start : start + size] for start in range(0, len(files), size)]


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
    batches = mini_batches_of(Path(settings.input), settings.mini_batch_size)
    if not batches:
        raise BatchFailedError("There is no file in the input: name a folder that has some.")
    Path(settings.output).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mini-batches-") as folder:
        job = _Job(settings, batches, Path(folder), python, say)
        summary = job.run()
        if settings.append_row:
            _join(Path(folder), len(batches), Path(settings.output) / settings.output_file_name)
    say(f"{summary.items} items, {summary.failed} failed, {summary.rows} rows.")
    return summary


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
    batches: Sequence[Sequence[str]]
    folder: Path
    python: str
    say: Callable[[str], None]
    failed: int = 0
    rows: int = 0
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
        self.say(f"{len(self.batches)} mini-batches, {count} processes.")
        threads = [threading.Thread(target=self._work) for _ in range(count)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if self.problem:
            raise BatchFailedError(self.problem)
        return BatchSummary(sum(map(len, self.batches)), self.failed, self.rows)

    def _work(self) -> None:
        worker = BatchWorker(self.python, self.settings.script)
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
        items, tries = self.batches[number], 1 + self.settings.max_retries
        found: dict[str, Any] = {}
        for count in range(1, tries + 1):
            found = worker.score(items, self.settings.timeout_s, self.ended)
            if self.ended.is_set() or not found["error"]:
                break
            self.say(f"Mini-batch {number}, try {count} of {tries}: {found['error'].rstrip()}")
        if not self.ended.is_set():
            self._enter(number, found)

    def _enter(self, number: int, found: dict[str, Any]) -> None:
        """Account for a mini-batch, and end the job if too many items have failed."""
        failed = max(0, found["items"] - found["rows"])
        part = self.folder / str(number)
        # A row may have the name of a file that is not UTF-8.
        part.write_text(found["text"], encoding="utf-8", errors="backslashreplace")
        self.say(f"Mini-batch {number}: {found['items']} items, {failed} failed.")
        with self.lock:
            self.failed += failed
            self.rows += found["rows"]
            most, total = self.settings.error_threshold, self.failed
        if 0 <= most < total:
            self._end(
                f"{total} items failed, more than the error_threshold of {most}: fix the errors "
                "in the log, or raise error_threshold."
            )

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
