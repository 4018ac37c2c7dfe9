"""Print progress, one line per step: colored on a terminal, plain elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Story", "Telling"]

_NAME_WIDTH = 18


@dataclass
class Telling:
    """The message of a finished step; its body fills this in."""

    outcome: str = ""


class Story:
    """A sequence of steps, each printed on one line with its duration.

    Parameters
    ----------
    on_stderr : bool
        Print to stderr, since stdout is for a JSON document.
    """

    def __init__(self, *, on_stderr: bool) -> None:
        from rich.console import Console

        self._console = Console(stderr=on_stderr, highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """Print the title."""
        self._console.print(f"\n[bold]{text}[/bold]\n")

    def say(self, text: str) -> None:
        """Print a line between steps, or after the last."""
        self._console.print(text, markup=False)

    @contextmanager
    def step(self, name: str, *, spinner: bool = True) -> Iterator[Telling]:
        """Run the body as the step `name`, and print its outcome and duration.

        A body that shows its own progress gets no spinner.
        """
        telling = Telling()
        started = time.monotonic()
        try:
            with self._console.status(name) if spinner else nullcontext():
                yield telling
        except BaseException:
            self._tell("[red]✗[/red]", name, "", started)
            raise
        self._tell("[green]✓[/green]", name, telling.outcome, started)

    def _tell(self, mark: str, name: str, outcome: str, started: float) -> None:
        from rich.markup import escape

        duration = f"{time.monotonic() - started:.1f} s"
        self._console.print(
            f"{mark} {name:<{_NAME_WIDTH}} [dim]{duration:>6}[/dim]  {escape(outcome)}".rstrip()
        )
