"""Start a Python process that runs a module of this package."""

from __future__ import annotations

import json
import sys
from typing import Final

__all__ = ["python_command"]

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
