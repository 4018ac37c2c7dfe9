"""Give a new environment the bytecode of others: compiling it takes most of the first start."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["link_bytecode"]

_MOST_GIVING = 3  # searching more is slower than compiling
_COMPILED = "__pycache__/*.pyc"
_MOST_SETTINGS = 2**16


def link_bytecode(folder: Path, made: Sequence[Path]) -> None:
    """Link the bytecode of other environments into a new one, for files that are the same.

    uv links the files of a package into each environment, so both have the same ones. Files that
    are not linked are compiled on first import, as usual. Python checks bytecode against its source
    file, and tracebacks show the file of the running environment. The environment of this process
    gives its bytecode too, if uv made it.

    Parameters
    ----------
    folder : Path
        The new environment, in which nothing has been imported yet.
    made : sequence of Path
        Environments in which services have run, the last used ones last; if one has another Python
        version, nothing is linked from it.
    """
    for other in (*made[-_MOST_GIVING:], *_own()):
        for packages in other.glob("lib/python3*/site-packages"):
            _link_same(folder / packages.relative_to(other), packages)


def _own() -> Iterator[Path]:
    """Yield the environment of this process, unless its files are certainly not of uv's cache."""
    with suppress(OSError), Path(sys.prefix, "pyvenv.cfg").open("rb") as settings:
        if b"\nuv = " in settings.read(_MOST_SETTINGS):
            yield Path(sys.prefix)


def _link_same(ours: Path, packages: Path) -> None:
    with suppress(OSError):  # removed meanwhile, or of another Python version
        names = [each.name for each in ours.iterdir()]  # the other may have many more
        for pattern in (_COMPILED, *(f"{name}/**/{_COMPILED}" for name in names)):
            for compiled in packages.glob(pattern):
                _link(compiled, packages, ours)


def _link(compiled: Path, packages: Path, ours: Path) -> None:
    source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
    place = ours / compiled.relative_to(packages)
    with suppress(OSError):  # missing, or on another disk
        if source.samefile(ours / source.relative_to(packages)):
            place.parent.mkdir(exist_ok=True)
            os.link(compiled, place)
