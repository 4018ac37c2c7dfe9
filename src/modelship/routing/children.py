"""Start a Python process that runs a module of this package."""

from __future__ import annotations

import json
import sys
from typing import Final

__all__ = ["python_command"]

# It finds its modules where this process finds them, and nowhere else: no file in the working
# directory takes the place of a module.
_PROGRAM: Final = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=False)"
)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` with the path of modules that this process has."""
    return [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path), module, *arguments]
