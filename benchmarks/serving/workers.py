"""The worker run: how the requests in a second, and the cpu that each costs, grow with workers."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from page import write_data, write_figures
from rounds import Effort, measure
from tables import Table, markdown, text
from wrk import require_wrk

if TYPE_CHECKING:
    import argparse

    from figures import Point
    from material import Material
    from servers import Server

__all__ = ["SERVERS_WITH_WORKERS", "measure_workers"]

SERVERS_WITH_WORKERS = ("modelship", "modelship-typed")
WORKERS = (1, 2, 4, 8, 12)
CLIENTS_EACH = 8
MOST_CPU = 1.15


def measure_workers(
    servers: tuple[Server, ...], *, material: Material, options: argparse.Namespace
) -> int:
    """Measure each server with each number of workers; return the exit code."""
    require_wrk()
    counts = [each for each in WORKERS if each <= (os.cpu_count() or 1)]
    rows, misses = [], []
    for server in servers:
        points = _points(server, counts, material, options)
        alone = _median(points[1], "cpu_ms")
        for count in counts:
            ratio = _median(points[count], "cpu_ms") / alone
            rows.append(_row(server, count, points[count], points[1], ratio))
            if ratio > MOST_CPU:
                misses.append(f"{server.name}, {count} workers: {ratio:.2f} times the cpu")
    head = ("server", "workers", "requests/s", "times one worker's", "cpu ms", "times one worker's")
    table = Table("workers", f"Workers, {CLIENTS_EACH} clients for each", head, rows)
    print(text(table))
    print(*misses, sep="\n", file=sys.stderr)
    if options.page:
        write_data(options.page, [table])
        write_figures(options.page, markdown(table), section="workers")
    return 1 if options.require and misses else 0


def _points(
    server: Server, counts: list[int], material: Material, options: argparse.Namespace
) -> dict[int, list[Point]]:
    """Go round the numbers of workers once for each repetition, so that noise hits all alike."""
    found: dict[int, list[Point]] = {count: [] for count in counts}
    for _ in range(options.repetitions):
        for count in counts:
            settings = {**server.settings, "WORKER_COUNT": str(count)}
            effort = Effort(1, options.seconds, (CLIENTS_EACH * count,))
            figures = measure(
                (replace(server, settings=settings, workers=count),),
                material=material,
                effort=effort,
            )
            if figures.failures:
                raise SystemExit("\n".join(figures.failures))
            found[count] += [each for each in figures.points if each.rows == 1]
    return found


def _row(
    server: Server, count: int, points: list[Point], alone: list[Point], ratio: float
) -> tuple[str, ...]:
    rate, of_one = _rate(points), _rate(alone)
    cpu_ms = _median(points, "cpu_ms")
    return (
        server.title, str(count), f"{rate:,.0f}", f"{rate / of_one:.2f}", f"{cpu_ms:.3f}",
        f"{ratio:.2f}",
    )  # fmt: skip


def _median(points: list[Point], name: str) -> float:
    return median(getattr(each, name) for each in points)


def _rate(points: list[Point]) -> float:
    return median(each.requests / each.duration_s for each in points)
