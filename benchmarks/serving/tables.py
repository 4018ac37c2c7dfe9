"""Figures as tables: for a terminal, and for a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goals import outcomes
from material import ROWS
from servers import BASELINE, BEST_PEER, SERVERS, Server

if TYPE_CHECKING:
    from figures import Figures, Spread

__all__ = ["NOTHING", "Table", "in_short", "markdown", "tables", "text"]

CLIENTS_IN_SHORT = 8
NOTHING = "–"  # noqa: RUF001 - an empty cell


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    name : str
        One word for it, which names its file.
    title : str
        A sentence that says what stands in it.
    head : tuple[str, ...]
        The names of the columns.
    rows : list[tuple[str, ...]]
        As many cells in each row as there are columns.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(figures: Figures, *, clients: tuple[int, ...]) -> list[Table]:
    """Return all tables of a run."""
    present = {each.server for each in figures.launches}
    servers = [each for each in SERVERS if each.name in present]
    measured = [each for each in servers if each.measured]
    return [
        _loads(figures, measured, clients, "cpu_ms", "Server cpu per request in milliseconds"),
        _ratios(figures, measured, clients),
        _loads(figures, measured, clients, "rate", "Requests per second"),
        _loads(figures, measured, clients, "p50_ms", "Median time to an answer in milliseconds"),
        _loads(figures, measured, clients, "p99_ms", "99th percentile of the time, milliseconds"),
        _launches(figures, servers),
        _goals(figures),
    ]


def in_short(found: list[Table]) -> Table:
    """Return what a reader wants first, for both sizes of body at one number of clients."""
    by_name = {each.name: each for each in found}
    loads = [f"{_size(rows)}, {CLIENTS_IN_SHORT} cl." for rows in ROWS]
    columns = (
        ("cpu", "cpu ms"),
        ("ratios", "ratio"),
        ("p99", "p99 ms"),
    )
    cells = [_column(by_name[name], load) for name, _ in columns for load in loads]
    head = (f"{label}, {_size(rows)}" for _, label in columns for rows in ROWS)
    servers = [row[0] for row in by_name["cpu"].rows]
    lines = list(zip(servers, *cells, strict=True))
    medians = f"With {CLIENTS_IN_SHORT} clients, medians"
    title = f"{medians}; a ratio is the cpu of azmlinfsrv / that of the server"
    return Table("short", title, ("server", *head), lines)


def text(table: Table) -> str:
    """Return a table as aligned text."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]
    rows = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([table.title, rows[0], "  ".join("-" * each for each in widths), *rows[1:]])


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    lines = [table.head, ("---",) * len(table.head), *table.rows]
    return "\n".join([f"{table.title}:", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _loads(
    figures: Figures, servers: list[Server], clients: tuple[int, ...], name: str, title: str
) -> Table:
    """One figure for each load: median and range over the repetitions."""
    rows = []
    for server in servers:
        spreads = (
            figures.spread(name, server=server.name, rows=rows_, clients=each)
            for rows_ in ROWS
            for each in clients
        )
        rows.append((server.title, *(_cell(each) for each in spreads)))
    files = {"cpu_ms": "cpu", "rate": "rates", "p50_ms": "p50", "p99_ms": "p99"}
    return Table(files[name], f"{title}, median (range)", _load_head(clients), rows)


def _ratios(figures: Figures, servers: list[Server], clients: tuple[int, ...]) -> Table:
    """How many times less cpu each server takes than the two that it is compared with."""
    rows = []
    for server in servers:
        cells = []
        for count in ROWS:
            for each in clients:
                found = (
                    figures.ratio(server=server.name, baseline=peer, rows=count, clients=each)
                    for peer in (BASELINE, BEST_PEER)
                )
                cells.append(" / ".join(f"{one.median:.2f}" if one else NOTHING for one in found))
        rows.append((server.title, *cells))
    title = "How many times less cpu per request than azmlinfsrv / than FastAPI + uvicorn, median"
    return Table("ratios", title, _load_head(clients), rows)


def _launches(figures: Figures, servers: list[Server]) -> Table:
    """Start, memory and errors."""
    rows = [
        (
            server.title,
            _cell(figures.launch("start_s", server=server.name)),
            _cell(figures.launch("pss_mib", server=server.name)),
            str(figures.errors(server=server.name)) if server.measured else NOTHING,
        )
        for server in servers
    ]
    head = ("server", "start to first answer, s", "memory (PSS), MiB", "failed requests")
    return Table("launches", "Start, memory and failed requests, median (range)", head, rows)


def _goals(figures: Figures) -> Table:
    """What is to be reached, as far as it was measured."""
    rows = [
        (
            each.name,
            each.found.text(),
            f"{'at least' if each.at_least else 'at most'} {each.bound:g}",
            each.verdict,
        )
        for each in outcomes(figures)
        if each.found
    ]
    return Table("goals", "What is to be reached", ("", "found", "to reach", "verdict"), rows)


def _load_head(clients: tuple[int, ...]) -> tuple[str, ...]:
    """Return the head of a table with a column for each load."""
    return ("server", *(f"{_size(rows)}, {each} cl." for rows in ROWS for each in clients))


def _size(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _column(table: Table, name: str) -> list[str]:
    """Return the medians of a column: without ranges, and of two figures the first."""
    place = table.head.index(name)
    return [row[place].partition(" ")[0] for row in table.rows]


def _cell(spread: Spread | None) -> str:
    return spread.text() if spread else NOTHING
