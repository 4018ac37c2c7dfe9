"""Share bytecode between the environments on this machine, so that a new one starts fast."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["link_bytecode"]


def link_bytecode(folder: Path, other: Path) -> None:
    """Link the bytecode of another environment into a new one, for files that are the same.

    uv links the files of a package into each environment, so both have the same ones. Files that
    are not linked are compiled on first import, as usual. Python checks bytecode against its source
    file, and tracebacks show the file of the running environment.

    Parameters
    ----------
    folder : Path
        The new environment, in which nothing has been imported yet.
    other : Path
        An environment in which services have run; if it has another Python version, nothing is
        linked.
    """
    for packages in other.glob("lib/python3*/site-packages"):
        ours = folder / packages.relative_to(other)
        for compiled in packages.glob("**/__pycache__/*.pyc"):
            _link(compiled, packages, ours)


def _link(compiled: Path, packages: Path, ours: Path) -> None:
    source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
    place = ours / compiled.relative_to(packages)
    with suppress(OSError):  # missing, or on another disk
        if source.samefile(ours / source.relative_to(packages)):
            place.parent.mkdir(exist_ok=True)
            os.link(compiled, place)
