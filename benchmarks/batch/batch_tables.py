"""What was measured, as tables."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from contestants import CONTESTANTS
from tables import NOTHING, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_data import Prepared
    from batch_rounds import Figures

__all__ = ["goals", "tables_of"]

BARE, OURS = "bare", "modelship"
LEAST_OF_BARE = 0.9
LEAST_OF_TWO = 1.9


def tables_of(figures: Figures, sets: Sequence[Prepared], workers: Sequence[int]) -> list[Table]:
    """Return a table for each number of workers, and that of the goals."""
    return [*(_costs(figures, sets, count) for count in workers), goals(figures, sets)]


def _costs(figures: Figures, sets: Sequence[Prepared], workers: int) -> Table:
    rows = []
    for data in sets:
        for each in CONTESTANTS:
            which = {"data": data.data.name, "contestant": each.name, "workers": workers}
            if figures.median("wall_s", **which) is not None:
                rows.append((data.data.title, each.title, *_cells(figures, data, which)))
    head = (
        "rows", "contestant", "s", "cpu s", "of which the first file", "rows / cpu s after it",
        "of the bare loop's", "time of the bare loop / its own", "memory (PSS), MiB",
    )  # fmt: skip
    title = f"From cold start to the last row, workers: {workers}, medians"
    return Table(f"workers-{workers}", title, head, rows)


def _cells(figures: Figures, data: Prepared, which: dict) -> tuple[str, ...]:
    wall_s, cpu_s = figures.median("wall_s", **which), figures.median("cpu_s", **which)
    first_s = figures.median("cpu_s", **{**which, "data": f"{data.data.name}:first"})
    rates = figures.per_cpu_s(**which).values()
    return (
        f"{wall_s:.1f}",
        f"{cpu_s:.1f}",
        NOTHING if first_s is None else f"{first_s:.1f}",
        f"{statistics.median(rates):,.0f}" if rates else NOTHING,
        _ratio(_of_bare(figures, which)),
        _ratio(figures.ratio("wall_s", which, {**which, "contestant": BARE})),
        f"{figures.median('peak_mib', **which):.0f}",
    )


def _of_bare(figures: Figures, which: dict) -> float | None:
    """Return the rows per cpu second after the start, in those of the bare loop."""
    ours, bare = figures.per_cpu_s(**which), figures.per_cpu_s(**{**which, "contestant": BARE})
    found = [ours[each] / bare[each] for each in ours if each in bare]
    return statistics.median(found) if found else None


def goals(figures: Figures, sets: Sequence[Prepared]) -> Table:
    """Return what is to be reached, as far as it was measured."""
    rows = [row for data in sets for row in _goals_of(figures, data) if row]
    return Table("goals", "What is to be reached", ("", "found", "to reach", "verdict"), rows)


def _goals_of(figures: Figures, data: Prepared):
    """Yield the rows of one data set."""
    name = data.data.name
    ours = {"data": name, "contestant": OURS, "workers": 1}
    found = _of_bare(figures, ours)
    yield _row(
        f"{data.data.title}: rows per cpu s after the start / the bare loop's", found, LEAST_OF_BARE
    )
    if data.data.is_predict_bound:
        found = figures.ratio("wall_s", {**ours, "workers": 2}, ours)
        yield _row(f"{data.data.title}: speed of 2 workers / 1", found, LEAST_OF_TWO)
    for peer in ("ray", "spark"):
        for workers in (1, 2):
            which = {**ours, "workers": workers}
            found = figures.ratio("wall_s", which, {**which, "contestant": peer})
            yield _row(f"{data.data.title}, workers {workers}: time of {peer} / ours", found, 1.0)


def _row(name: str, found: float | None, least: float) -> tuple[str, ...] | None:
    if found is None:
        return None
    verdict = "reached" if found >= least else "MISSED"
    return name, f"{found:.2f}", f"at least {least:g}", verdict


def _ratio(found: float | None) -> str:
    return NOTHING if found is None else f"{found:.2f}"
