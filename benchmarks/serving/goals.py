"""What is to be reached, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from material import ROWS
from servers import BASELINE, BEST_PEER, SERVERS

if TYPE_CHECKING:
    from figures import Figures, Spread

__all__ = ["Outcome", "outcomes"]

# Server, rows, clients: how many times less cpu than azmlinfsrv, and than FastAPI + uvicorn.
RATIOS = (
    ("modelship", 1, 8, 3.3, 1.5),
    ("modelship", 30, 8, 3.4, 2.3),
    ("modelship-json", 30, 8, 1.2, 1.05),
    ("modelship-typed", 1, 8, 13.0, 6.0),
    ("modelship-typed", 1, 32, 25.0, 12.0),
    ("modelship-typed", 30, 8, 8.0, 5.5),
    ("modelship-npy", 30, 8, 28.0, 20.0),
)
MOST_TAIL = 3.0
MOST_START = 0.9
MOST_MEMORY = 1.5
TITLES = {each.name: each.title for each in SERVERS}


@dataclass(frozen=True)
class Outcome:
    """One thing to reach.

    Parameters
    ----------
    name : str
        What it is about.
    found : Spread, optional
        What was measured; None where it was not.
    bound : float
        What is to be reached.
    at_least : bool
        Whether the bound is the least; if not, it is the most.
    """

    name: str
    found: Spread | None
    bound: float
    at_least: bool

    @property
    def is_reached(self) -> bool | None:
        """Whether the median reaches the bound; None where nothing was measured."""
        if self.found is None:
            return None
        median = self.found.median
        return median >= self.bound if self.at_least else median <= self.bound

    @property
    def verdict(self) -> str:
        """The same as a word."""
        return {True: "reached", False: "MISSED", None: "not measured"}[self.is_reached]


def outcomes(figures: Figures) -> list[Outcome]:
    """Return everything that is to be reached, with what was found."""
    return [*_ratios(figures), *_tails(figures), *_launches(figures)]


def _ratios(figures: Figures):
    """Cpu per request against the baseline and the best peer."""
    for server, rows, clients, *bounds in RATIOS:
        for baseline, bound in zip((BASELINE, BEST_PEER), bounds, strict=True):
            found = figures.ratio(server=server, baseline=baseline, rows=rows, clients=clients)
            name = f"{TITLES[server]}, {_rows(rows)}, {clients} clients: cpu of {TITLES[baseline]}"
            yield Outcome(f"{name} / its own", found, bound, at_least=True)


def _tails(figures: Figures):
    """The slowest requests against the median ones, for whatever is ours."""
    for server in SERVERS:
        for rows in ROWS if server.is_ours and server.measured else ():
            found = figures.spread("tail", server=server.name, rows=rows, clients=32)
            name = f"{server.title}, {_rows(rows)}, 32 clients: p99 / p50"
            yield Outcome(name, found, MOST_TAIL, at_least=False)


def _launches(figures: Figures):
    """The start, and the memory of several workers."""
    start = figures.launch_ratio("start_s", server="modelship", baseline=BASELINE)
    yield Outcome("start to first answer / azmlinfsrv's", start, MOST_START, at_least=False)
    memory = figures.launch_ratio("pss_mib", server="modelship-4-workers", baseline="modelship")
    yield Outcome("memory of 4 workers / of 1", memory, MOST_MEMORY, at_least=False)


def _rows(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"
