"""The command line: the only part of modelship that prints."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main"]

_TERMINATED = 143  # 128 + SIGTERM, as in shells
_INTERRUPTED = 130  # 128 + SIGINT


def main() -> None:
    """Run the command line and exit."""
    # At exit Python looks at every object again, several times: a tenth of a short command's time.
    atexit.register(gc.freeze)
    try:
        from modelship.cli.app import cli
    except KeyboardInterrupt:  # this takes long enough for Ctrl-C
        sys.exit(_INTERRUPTED)
    signal.signal(signal.SIGTERM, _terminate)
    cli.main(prog_name="modelship")


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    # As an exception, so that unfinished work is undone.
    sys.exit(_TERMINATED)
