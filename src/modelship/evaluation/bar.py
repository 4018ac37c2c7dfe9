"""Show the progress of scoring a test set on the terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelship.progress import doing, is_showing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances a progress bar on stderr; no bar without a terminal.

    Within a displayed step, such as the gate of a deployment, it is shown as a detail of that step.
    """
    if shown and is_showing():
        with doing(f"0 of {total:,} rows") as say:
            yield _telling(say, total)
        return
    if not (shown and sys.stderr.isatty()):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scoring", total=total)
        yield lambda rows: progress.advance(task, rows)


def _telling(say: Callable[[str], None], total: int) -> Callable[[int], None]:
    done = 0

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        say(f"{done:,} of {total:,} rows")

    return advance
