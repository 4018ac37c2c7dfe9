"""The server as a command: settings, what it needs, and the first lines of its log."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .announcing import opening_lines
from .files import check_files
from .logs import say
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "missing_packages"]

_NEEDED = ("httptools", "uvloop")


def missing_packages() -> tuple[str, ...]:
    """Return the names of the packages that the server needs and this Python has not got."""
    return tuple(name for name in _NEEDED if find_spec(name) is None)


def main(arguments: Sequence[str]) -> int:
    """Serve the script that the arguments name, until SIGTERM or SIGINT.

    Parameters
    ----------
    arguments : sequence of str
        The command line.

    Returns
    -------
    int
        The exit code: 0 if it was told to end, 1 for a wrong setting, and 3 for a script that
        cannot be served.
    """
    settings = Settings.read(arguments, program=f"python -m {__package__}")
    check_files(settings)
    missing = missing_packages()
    if missing:
        sys.stderr.write(
            f"{sys.executable} has no {' and no '.join(missing)}, which the server needs. "
            "Install modelship's extra 'server' there.\n"
        )
        return 1
    say(opening_lines(settings), as_json=settings.json_logs)
    from .supervisor import supervise

    code = supervise(settings)
    _give_up_unwritten()
    return code


def _give_up_unwritten() -> None:
    """Leave output that cannot be written, or Python would end with 120 in place of the code."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:  # noqa: PERF203 - the disk is full, or the terminal is gone
            setattr(sys, name, None)
