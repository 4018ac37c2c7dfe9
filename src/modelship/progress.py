"""Show progress step by step with the elapsed time, and enforce the overall deadline."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

__all__ = [
    "Deadline",
    "DeadlineExceededError",
    "Steps",
    "counting",
    "doing",
    "is_showing",
    "showing",
    "worded_by",
    "write_line",
]

_FIRST_LINE_S: Final = 5.0  # shorter steps get no line of their own in a log


class DeadlineExceededError(TimeoutError):
    """A deadline passed. Users never see it: DeployTarget reports the step under way."""


class Deadline:
    """A point in time that several waits share.

    Parameters
    ----------
    timeout_s : float
        Seconds from now.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s

    @property
    def remaining_s(self) -> float:
        """Seconds left; never below 0."""
        return max(0.0, self._end - time.monotonic())

    def check(self) -> None:
        """Raise DeadlineExceededError if no time is left."""
        if not self.remaining_s:
            raise DeadlineExceededError


class Steps:
    """The steps of one deployment: named, timed, with one deadline, and shown on stderr.

    Parameters
    ----------
    title : str
        The title, such as ``"sklearn-mnist-svc on docker"``.
    timeout_s : float
        Seconds for all steps together.
    show_output : bool
        Show each step with its duration: with a clock on a terminal, as plain lines elsewhere.
    """

    def __init__(self, title: str, *, timeout_s: float, show_output: bool = False) -> None:
        self.title = title
        self.deadline = Deadline(timeout_s)
        self.current = "starting"
        self._show = show_output

    def anew(self) -> Steps:
        """Return steps with the same title and the original time limit."""
        return Steps(self.title, timeout_s=self.deadline.timeout_s, show_output=self._show)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run the body as the step `name`; raise DeadlineExceededError if no time is left."""
        self.deadline.check()
        self.current = name
        started = time.monotonic()
        outcome = "failed"
        try:
            with showing(f"[{self.title}] {name}", shown=self._show):
                yield
            outcome = "done"
        finally:
            self.say(f"{name}: {outcome} in {time.monotonic() - started:.1f} s")

    def activity(self, name: str) -> AbstractContextManager[None]:
        """Show what the body does, with a line only if it takes long; no deadline is checked."""
        return showing(f"[{self.title}] {name}", shown=self._show)

    def say(self, line: str) -> None:
        """Show one line."""
        if self._show:
            write_line(f"[{self.title}] {line}")


# --- the current activity ---------------------------------------------------------------


@contextmanager
def showing(title: str, *, shown: bool = True) -> Iterator[None]:
    """Show an activity on stderr while the body runs.

    On a terminal it is one line with a clock, which is removed at the end. Elsewhere, an activity
    that takes longer than 5 s gets a line after 5, 10, 20, 40 … s. Inside another displayed
    activity, it is shown as a detail of that.

    Parameters
    ----------
    title : str
        The activity; details from :func:`doing` are shown after it.
    shown : bool
        Whether to show it at all.
    """
    if shown and is_showing():
        with doing(title):
            yield
        return
    kind = _Nothing if not shown else _Clock if sys.stderr.isatty() else _Lines
    with _displayed(kind(title)):
        yield


@contextmanager
def counting(title: str, *, total: int, shown: bool = True) -> Iterator[Callable[[int, str], None]]:
    """Show an activity with a known end on stderr, as :func:`showing`; on a terminal, with a bar.

    It yields a function that takes how much is done, and a few words about it for displays
    without a bar.

    Parameters
    ----------
    title : str
        The activity.
    total : int
        How much there is to do.
    shown : bool
        Whether to show it at all.
    """
    if shown and not is_showing() and sys.stderr.isatty():
        bar = _Bar(title, total)
        with _displayed(bar):
            yield bar.advance_to
        return
    with showing(title, shown=shown), doing("") as say:
        yield lambda _done, words: say(words)


@contextmanager
def _displayed(display: _Nothing) -> Iterator[None]:
    token = _UNDER_WAY.set(display)
    try:
        with display:
            yield
    finally:
        _UNDER_WAY.reset(token)


@contextmanager
def doing(detail: str) -> Iterator[Callable[[str], None]]:
    """Show a detail of the current activity while the body runs, if one is shown.

    It yields a function that replaces the detail.

    Parameters
    ----------
    detail : str
        A few words in lower case, such as ``"install 31 packages for Python 3.11"``.
    """
    display = _UNDER_WAY.get() or _Nothing("")
    before = display.detail
    display.say(detail)
    try:
        yield display.say
    finally:
        display.say(before)


def is_showing() -> bool:
    """Return whether an activity is shown now, which a separate progress bar would disturb."""
    return isinstance(_UNDER_WAY.get(), (_Clock, _Lines))


class _Nothing:
    """Shows nothing."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""

    @property
    def words(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title

    def say(self, detail: str) -> None:
        """Show the current detail."""
        self.detail = detail

    def __enter__(self) -> None:
        """Start the display."""

    def __exit__(self, *_raised: object) -> None:
        """Stop the display."""


class _Clock(_Nothing):
    """One line on a terminal: the activity, and the elapsed time."""

    total: int | None = None

    def __enter__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(*self._columns(), console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(self.words, total=self.total, words="")
        self._progress.start()

    def _columns(self) -> list[Any]:
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        # The text holds names and paths: square brackets are not markup.
        text = TextColumn("{task.description}", markup=False)
        return [SpinnerColumn(), text, TimeElapsedColumn()]

    def say(self, detail: str) -> None:
        super().say(detail)
        self._progress.update(self._task, description=self.words)

    def __exit__(self, *_raised: object) -> None:
        self._progress.stop()


class _Bar(_Clock):
    """One line on a terminal: the activity, a bar, and the words about how much is done."""

    def __init__(self, title: str, total: int) -> None:
        super().__init__(title)
        self.total = total

    def _columns(self) -> list[Any]:
        from rich.progress import BarColumn, TextColumn

        _, text, clock = super()._columns()
        return [text, BarColumn(), TextColumn("{task.fields[words]}", markup=False), clock]

    def advance_to(self, done: int, words: str) -> None:
        """Show how much is done."""
        self._progress.update(self._task, completed=done, words=words)


class _Lines(_Nothing):
    """Lines of a log, at increasing intervals."""

    def __enter__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="modelship-steps", daemon=True)
        self._thread.start()

    def _tell(self) -> None:
        began, next_s = time.monotonic(), _FIRST_LINE_S
        while not self._over.wait(max(0.0, began + next_s - time.monotonic())):
            write_line(f"{self.words} … {time.monotonic() - began:.0f} s")
            next_s *= 2

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        self._thread.join()


_UNDER_WAY: ContextVar[_Nothing | None] = ContextVar("under_way", default=None)


_WORDED: ContextVar[Callable[[str], str]] = ContextVar("worded", default=str)


@contextmanager
def worded_by(words: Callable[[str], str]) -> Iterator[None]:
    """Pass each line that is shown while the body runs through `words`."""
    token = _WORDED.set(words)
    try:
        yield
    finally:
        _WORDED.reset(token)


def write_line(line: str) -> None:
    """Show one line on stderr."""
    line = _WORDED.get()(line)
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - asked for
