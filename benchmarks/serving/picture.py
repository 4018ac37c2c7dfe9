"""A picture of the server cpu per request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from material import ROWS
from servers import SERVERS

if TYPE_CHECKING:
    from pathlib import Path

    from figures import Figures

__all__ = ["draw"]

CLIENTS = 8
OURS, THEIRS = "#0b6e4f", "#9aa5b1"


def draw(figures: Figures, *, file: Path) -> None:
    """Draw a bar for each server, with the range over the repetitions, for 1 and for 30 rows."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(ROWS), figsize=(11, 4.6), layout="constrained", sharey=True)
    for axis, rows in zip(axes, ROWS, strict=True):
        _bars(axis, figures, rows)
    figure.suptitle(f"Server cpu per request, {CLIENTS} clients (less is better)")
    figure.savefig(file, dpi=120)
    plt.close(figure)


def _bars(axis, figures: Figures, rows: int) -> None:
    """Draw the bars for one size of body."""
    found = [
        (server, spread)
        for server in reversed(SERVERS)
        if (spread := figures.spread("cpu_ms", server=server.name, rows=rows, clients=CLIENTS))
    ]
    medians = [spread.median for _, spread in found]
    ranges = [
        [spread.median - spread.low for _, spread in found],
        [spread.high - spread.median for _, spread in found],
    ]
    names = [server.title for server, _ in found]
    colors = [OURS if server.is_ours else THEIRS for server, _ in found]
    bars = axis.barh(names, medians, xerr=ranges, color=colors, ecolor="#444444")
    axis.bar_label(bars, labels=[f" {each:.2g}" for each in medians], fontsize=8)
    axis.set_title("1 row" if rows == 1 else f"{rows} rows")
    axis.set_xlabel("milliseconds")
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.12)
