"""Putting a file or a folder in its place whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["put_in_place", "stage_in"]

_STAGE_PREFIX: Final = ".modelship-"


@contextlib.contextmanager
def stage_in(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside `folder`, on the same disk; at the end it is gone.

    Folders that had to be made for it are gone too, if an error ends the block.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    stage = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=_STAGE_PREFIX, dir=folder))
        yield stage
    except BaseException:
        _discard(stage)
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
    _discard(stage)


def _discard(stage: Path | None) -> None:
    if stage is not None:
        shutil.rmtree(stage, ignore_errors=True)


def put_in_place(new: Path, place: Path, *, aside: Path) -> None:
    """Move `new` to `place`; what was there goes `aside`, and comes back on an error."""
    if not new.is_dir() and not place.is_dir():
        new.replace(place)
        return
    try:
        if os.path.lexists(place):
            place.rename(aside)
        new.rename(place)
    except BaseException:
        if os.path.lexists(aside) and not os.path.lexists(place):
            aside.rename(place)
        raise
