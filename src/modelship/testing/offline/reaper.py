"""Ends what a workspace runs when the workspace itself was killed.

A process waits until its standard input ends, as it does with the process that holds the other end,
however that comes about. Then it ends the containers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.testing.offline.compute import Compute

if TYPE_CHECKING:
    from modelship.testing.offline.compute import Kind

__all__ = ["Reaper", "reap"]

_ENDING_S = 30.0
# Modules are found where this process finds them, and never in the folder that it happens to be in.
_PROGRAM = (
    "import os, sys; _, path, kind, folder = sys.argv; sys.path[:] = path.split(os.pathsep); "
    f"from {__name__} import reap; reap(folder, kind=kind)"
)


class Reaper:
    """A process that outlives this one just long enough to end its containers.

    Parameters
    ----------
    folder : Path
        That of the containers, as :class:`~modelship.testing.offline.compute.Compute` takes it.
    kind : {"process", "docker"}
        What they are.
    """

    def __init__(self, folder: Path, *, kind: Kind) -> None:
        path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM, path, kind, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C is for the workspace alone
        )

    def close(self) -> None:
        """End the containers, if there are any, and the reaper."""
        try:
            self._process.communicate(timeout=_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def reap(folder: str, *, kind: Kind) -> None:
    """Wait for the end of the workspace, and end what it left."""
    sys.stdin.read()
    Compute(Path(folder), kind=kind).stop_all()
