"""The measurement: each repetition visits all contestants, so that noise hits all alike."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contestants import digest_of, environ_of
from process_cost import CommandFailedError, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_data import Prepared
    from contestants import Contestant

__all__ = ["Figures", "Point", "measure"]

TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Point:
    """One run of a contestant.

    Parameters
    ----------
    data, contestant : str
        The names of the data set and of the contestant.
    repetition, workers : int
        The repetition, from 0, and the number of workers.
    rows : int
        The rows that were scored.
    wall_s, cpu_s, peak_mib : float
        See :class:`~process_cost.Cost`.
    digest : str
        The digest of the output.
    """

    data: str
    contestant: str
    repetition: int
    workers: int
    rows: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    digest: str


@dataclass(frozen=True)
class Figures:
    """Everything that was measured, and what went wrong."""

    points: list[Point]
    failures: list[str]

    def values(self, name: str, *, data: str, contestant: str, workers: int) -> dict[int, float]:
        """Return a figure of each repetition."""
        return {
            each.repetition: getattr(each, name)
            for each in self.points
            if (each.data, each.contestant, each.workers) == (data, contestant, workers)
        }

    def median(self, name: str, **which) -> float | None:
        """Return the median of a figure; None where it was not measured."""
        found = list(self.values(name, **which).values())
        return statistics.median(found) if found else None

    def per_cpu_s(self, *, data: str, contestant: str, workers: int) -> dict[int, float]:
        """Return the rows per cpu second after the start, in each repetition.

        They are those after the first file, whose cost is that of the start.
        """
        which = {"contestant": contestant, "workers": workers}
        names = data, f"{data}:first"
        cpu_s, first_s = (self.values("cpu_s", data=each, **which) for each in names)
        rows, first = (self.values("rows", data=each, **which) for each in names)
        return {
            each: (rows[each] - first[each]) / (cpu_s[each] - first_s[each])
            for each in cpu_s
            if each in first_s and cpu_s[each] > first_s[each] and rows[each] > first[each]
        }

    def ratio(self, name: str, ours: dict, bare: dict) -> float | None:
        """Return the median over the repetitions of `bare`'s figure divided by `ours`'s."""
        mine, other = self.values(name, **ours), self.values(name, **bare)
        both = [other[each] / mine[each] for each in mine if each in other]
        return statistics.median(both) if both else None


def measure(
    sets: Sequence[Prepared],
    contestants: Sequence[Contestant],
    *,
    cache: Path,
    workers: Sequence[int],
    repetitions: int,
) -> Figures:
    """Measure all contestants on all data sets; say on stderr what is going on."""
    figures = Figures([], [])
    for data in sets:
        for repetition in range(repetitions):
            for each in contestants:
                visit = partial(_visit, figures, contestant=each, cache=cache)
                if 1 in workers:  # one worker starts once, however many files there are
                    visit(data.first(), repetition=repetition, workers=1)
                for count in workers:
                    visit(data, repetition=repetition, workers=count)
        for part in (data.first(), data):
            figures.failures.extend(_unlike(figures, part))
    return figures


def _visit(
    figures: Figures,
    data: Prepared,
    *,
    contestant: Contestant,
    cache: Path,
    repetition: int,
    workers: int,
) -> None:
    """Run one contestant once, and note what it cost."""
    place = Path(tempfile.mkdtemp(prefix="batch-", dir=data.folder))
    output = place / "output"
    try:
        command = contestant.command(data, output, workers=workers, cache=cache)
        cost = run(
            command, environ=environ_of(contestant.python(cache)), folder=place,
            timeout_s=TIMEOUT_S, done=output / ".done",
        )  # fmt: skip
        rows, digest = digest_of(output, data.data.format)
    except CommandFailedError as error:
        figures.failures.append(f"{data.data.name}, {contestant.name}, {workers}: {error}")
    else:
        point = Point(
            data.data.name, contestant.name, repetition, workers, rows,
            cost.wall_s, cost.cpu_s, cost.peak_mib, digest,
        )  # fmt: skip
        figures.points.append(point)
        _say(point)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _say(point: Point) -> None:
    print(
        f"{point.data}, {point.contestant}, {point.workers} workers: {point.wall_s:.1f} s, cpu "
        f"{point.cpu_s:.1f} s, {point.rows / point.cpu_s:,.0f} rows per cpu s, "
        f"{point.peak_mib:.0f} MiB, {point.rows} rows {point.digest}",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _unlike(figures: Figures, data: Prepared) -> list[str]:
    """Return which contestants have other output than the first one."""
    points = [each for each in figures.points if each.data == data.data.name]
    found = []
    for each in points:
        if each.rows != data.rows:
            found.append(f"{each.data}, {each.contestant}: {each.rows} rows, not {data.rows}")
        elif each.digest != points[0].digest:
            found.append(f"{each.data}, {each.contestant}: not the output of the first contestant")
    return found
