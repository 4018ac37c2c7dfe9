"""Bytecode that environments of this machine share, so that a new one starts as fast as an old."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["link_bytecode"]


def link_bytecode(folder: Path, other: Path) -> None:
    """Give an environment the bytecode that another one has of the same files.

    uv links the files of a package into each environment, so that both have the same ones. What
    cannot be linked is compiled when it is first imported, as ever. Python checks bytecode against
    the file, and tracebacks name the file of the environment that runs.

    Parameters
    ----------
    folder : Path
        The environment, in which nothing has been imported yet.
    other : Path
        One in which services have run; of another Python, it has nothing to give.
    """
    for packages in other.glob("lib/python3*/site-packages"):
        ours = folder / packages.relative_to(other)
        for compiled in packages.glob("**/__pycache__/*.pyc"):
            _link(compiled, packages, ours)


def _link(compiled: Path, packages: Path, ours: Path) -> None:
    source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
    place = ours / compiled.relative_to(packages)
    with suppress(OSError):  # not there, or on another disk
        if source.samefile(ours / source.relative_to(packages)):
            place.parent.mkdir(exist_ok=True)
            os.link(compiled, place)
