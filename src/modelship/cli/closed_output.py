"""End quietly when the reader of the output has ended, as ``modelship list | head -1`` does."""

from __future__ import annotations

import os
import select
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ending_with_reader"]

_NOT_READ = 141  # 128 + SIGPIPE, as in shells: most programs are ended by that signal
_OUTPUTS = (1, 2)


@contextmanager
def ending_with_reader() -> Iterator[None]:
    """Exit if the body writes to a standard output that nobody reads.

    The signal itself stays off, since it would also end this process for a connection to a service
    that has ended. Such an error of another file is not caught.
    """
    try:
        yield
    except BrokenPipeError:
        if not any(map(_is_unread, _OUTPUTS)):
            raise
        _discard_the_rest()
        sys.exit(_NOT_READ)


def _is_unread(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in waiting.poll(0))


def _discard_the_rest() -> None:
    """Point unread outputs elsewhere: at exit Python writes what is left, and would complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):
        for each in filter(_is_unread, _OUTPUTS):
            os.dup2(nothing, each)
    os.close(nothing)
