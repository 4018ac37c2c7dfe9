"""``python -m modelship_server``: the command line of Azure ML's inference server."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .announcing import opening_lines
from .logs import say
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_NEEDED = ("uvicorn", "httptools", "uvloop")


def main(arguments: Sequence[str], *, program: str = f"python -m {__package__}") -> int:
    """Serve the script that the arguments name, until SIGTERM or SIGINT.

    Parameters
    ----------
    arguments : sequence of str
        The command line.
    program : str
        What the user has typed before them.

    Returns
    -------
    int
        The exit code: 0 if it was told to end, 1 for a wrong setting, and 3 for a script that
        cannot be served.
    """
    settings = Settings.read(arguments, program=program)
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The server needs {', '.join(missing)}, and this Python has not got it "
            f"({sys.executable}). Install modelship's extra: pip install '.[server]'\n"
        )
        return 1
    say(opening_lines(settings), as_json=settings.json_logs)
    from .supervisor import supervise

    return supervise(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
