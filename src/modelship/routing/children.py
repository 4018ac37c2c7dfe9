"""Start a Python process that runs a module of this package."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["python_command", "start_child"]

# It imports from the same paths as this process, and from no others: a file in the working
# directory cannot shadow a module.
# At exit Python does not look for garbage among all that it has imported.
_PROGRAM: Final = (
    "import atexit, gc, json, runpy, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "atexit.register(gc.freeze); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=False)"
)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` with this process's module search path."""
    return [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path), module, *arguments]


def start_child(
    module: str, *arguments: str, log: IO[bytes], passed: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start `module` in a session of its own; it inherits the descriptors `passed`."""
    return subprocess.Popen(
        python_command(module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        pass_fds=passed,
        start_new_session=True,
    )
