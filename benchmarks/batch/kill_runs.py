"""Kill a job and its processes at random moments, resume it, and compare all bytes of its output.

The synthetic rows are scored once without a disturbance. Then the same job is started again and
again in another folder. In turns a scoring process and the driver are killed (SIGKILL), once a
random number of further pieces are done; a driver that was killed is started again. In the end the
driver must have been killed as often as was asked for, the output of both has to be equal to the
byte, each row has to be there once, and no process may be left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pyarrow.compute as pc
import pyarrow.dataset as pds
from contestants import APPS, environ_of
from process_cost import run

if TYPE_CHECKING:
    from batch_data import Prepared

__all__ = ["kill_and_resume", "memory_growth"]

PIECE_BYTES = 1 << 20
TIMEOUT_S = 7200.0
ENDING_S = 20.0
SCORER = "modelship_batch.batch.scorer"


def kill_and_resume(data: Prepared, *, kills: int, seed: int = 1, workers: int = 2) -> int:
    """Run the job with and without kills; print what came of it, and return the exit code.

    `kills` is how often the driver is killed; a scoring process is killed about as often.
    """
    with tempfile.TemporaryDirectory(prefix="kills-", dir=data.folder) as folder:
        whole, torn = Path(folder, "whole"), Path(folder, "torn")
        subprocess.run(
            _command(data, whole, workers), check=True, env=_environ(), timeout=TIMEOUT_S
        )
        pieces = json.loads((whole / "_SUCCESS").read_text())["pieces"]
        rounds = _Rounds(_command(data, torn, workers), torn, pieces, random.Random(seed))
        rounds.play(kills)
        problems = [*rounds.problems, *_differences(whole, torn), *_lost(torn, data.rows)]
    shown = f"{data.rows:,} rows in {pieces} pieces; killed: {rounds.killed}"
    print("\n".join([shown, *(f"PROBLEM {each}" for each in problems)]))
    print("not equal" if problems else "the output is equal to the byte")
    return 1 if problems else 0


@dataclass
class _Rounds:
    """The runs of the job that is killed."""

    command: list[str]
    output: Path
    pieces: int
    random: random.Random
    killed: dict[str, int] = field(default_factory=lambda: {"driver": 0, "scoring process": 0})
    problems: list[str] = field(default_factory=list)

    def play(self, kills: int) -> None:
        """Kill the driver that often, a scoring process before it, and let the job end."""
        driver = self._start()
        try:
            for what in ("scoring process", "driver") * kills:
                self._wait(driver, self.random.randint(0, self.pieces // (2 * kills)))
                if driver.poll() is None:
                    driver = self._kill(driver, what)
            code = driver.wait(TIMEOUT_S)
        finally:
            driver.kill()
        if code:
            self.problems.append(f"the last run ended with exit code {code}")
        if self.killed["driver"] < kills:
            self.problems.append(f"the job ended before the driver was killed {kills} times")

    def _start(self) -> subprocess.Popen:
        return subprocess.Popen(self.command, env=_environ(), start_new_session=True)

    def _wait(self, driver: subprocess.Popen, more: int) -> None:
        """Wait until so many more pieces are done, and for up to a second more."""
        aim = self._done() + more
        while driver.poll() is None and self._done() < aim:
            time.sleep(0.01)
        time.sleep(self.random.random())

    def _done(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return (self.output / "_modelship" / "manifest.jsonl").read_bytes().count(b"\n")
        return 0

    def _kill(self, driver: subprocess.Popen, what: str) -> subprocess.Popen:
        scoring = _scoring(driver.pid)
        if what == "driver":
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            self._require_end(scoring)
            driver = self._start()
        elif scoring:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.random.choice(scoring).kill()
        else:
            return driver
        self.killed[what] += 1
        return driver

    def _require_end(self, scoring: list[psutil.Process]) -> None:
        """Require that processes end whose driver was killed."""
        _, alive = psutil.wait_procs(scoring, timeout=ENDING_S)
        for each in alive:
            self.problems.append(
                f"process {each.pid} has not ended {ENDING_S:g} s after its driver"
            )
            each.kill()


def _scoring(pid: int) -> list[psutil.Process]:
    """Return the scoring processes of a driver."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [each] if SCORER in each.cmdline() else []
    return found


def _command(data: Prepared, output: Path, workers: int) -> list[str]:
    places = (data.saved_bundle(), data.folder / "input", output)
    numbers = (str(workers), str(PIECE_BYTES))
    return [sys.executable, str(APPS / "modelship_job.py"), *map(str, places), *numbers]


def _environ() -> dict[str, str]:
    return environ_of(Path(sys.executable))


def _files(output: Path) -> dict[str, str]:
    """Return the digest of each file of rows."""
    found = (each for each in output.rglob("*") if each.is_file())
    return {
        str(each.relative_to(output)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in found
        if not any(part[0] in "._" for part in each.relative_to(output).parts)
    }


def _differences(whole: Path, torn: Path) -> list[str]:
    ours, theirs = _files(whole), _files(torn)
    names = sorted(set(ours) | set(theirs))
    return [f"{name} is not equal" for name in names if ours.get(name) != theirs.get(name)]


def _lost(output: Path, rows: int) -> list[str]:
    """Return what is wrong with the identifiers of the rows, which are 0, 1, 2 and so on."""
    found = pds.dataset(list(map(str, (output / each for each in _files(output)))))
    numbers = found.to_table(columns=["row"]).column("row")
    counted = len(numbers), len(pc.unique(numbers)), pc.sum(numbers).as_py()
    expected = rows, rows, rows * (rows - 1) // 2
    return [] if counted == expected else [f"rows {counted}, not {expected}"]


def memory_growth(sets: list[Prepared], *, workers: int = 1) -> int:
    """Print the most memory of a job for each size of data; return 0."""
    for data in sets:
        with tempfile.TemporaryDirectory(prefix="memory-", dir=data.folder) as folder:
            command = _command(data, Path(folder, "output"), workers)
            cost = run(command, environ=_environ(), folder=Path(folder), timeout_s=TIMEOUT_S)
        print(
            f"{data.rows:,} rows, {data.size_bytes / 2**20:.0f} MiB: {cost.peak_mib:.0f} MiB "
            f"of memory "
            f"at most, {data.rows / cost.cpu_s:,.0f} rows per cpu s",
            flush=True,
        )
    return 0
