"""What was measured, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contestants import CONTESTANTS
from tables import NOTHING, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batch_data import Prepared
    from batch_rounds import Figures

__all__ = ["GOALS", "goals", "tables_of"]

BARE, OURS = "bare", "modelship"
LEAST_OF_BARE = 0.9
LEAST_OF_TWO = 1.9
GOALS = ("rows per cpu second / the bare loop's", "rows per second, 2 workers / 1", "cold start")


def tables_of(figures: Figures, sets: Sequence[Prepared], workers: Sequence[int]) -> list[Table]:
    """Return a table for each number of workers, and that of the goals."""
    return [*(_costs(figures, sets, count) for count in workers), goals(figures, sets)]


def _costs(figures: Figures, sets: Sequence[Prepared], workers: int) -> Table:
    rows = []
    for data in sets:
        for each in CONTESTANTS:
            which = {"data": data.data.name, "contestant": each.name, "workers": workers}
            if (wall_s := figures.median("wall_s", **which)) is None:
                continue
            cpu_s, mib = figures.median("cpu_s", **which), figures.median("peak_mib", **which)
            bare = {**which, "contestant": BARE}
            per_cpu = figures.ratio("cpu_s", which, bare)
            per_s = figures.ratio("wall_s", which, bare)
            cells = (f"{wall_s:.1f}", f"{cpu_s:.1f}", f"{data.rows / cpu_s:,.0f}")
            ratios = (_ratio(per_cpu), _ratio(per_s), f"{mib:.0f}")
            rows.append((data.data.title, each.title, *cells, *ratios))
    head = (
        "rows", "contestant", "s", "cpu s", "rows / cpu s", "of the bare loop's, per cpu",
        "per second", "memory (PSS), MiB",
    )  # fmt: skip
    title = f"From cold start to the last row, workers: {workers}, medians"
    return Table(f"workers-{workers}", title, head, rows)


def goals(figures: Figures, sets: Sequence[Prepared]) -> Table:
    """Return what is to be reached, as far as it was measured."""
    rows = [row for data in sets for row in _goals_of(figures, data) if row]
    return Table("goals", "What is to be reached", ("", "found", "to reach", "verdict"), rows)


def _goals_of(figures: Figures, data: Prepared):
    """Yield the rows of one data set."""
    name = data.data.name
    ours = {"data": name, "contestant": OURS, "workers": 1}
    found = figures.ratio("cpu_s", ours, {**ours, "contestant": BARE})
    yield _row(f"{data.data.title}: rows per cpu s / the bare loop's", found, LEAST_OF_BARE)
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
