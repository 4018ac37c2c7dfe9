"""Write files atomically."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelship.errors import InvalidOptionError
from modelship.staging import write_atomic

if TYPE_CHECKING:
    import os

__all__ = ["write_text"]


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically.

    Raises
    ------
    InvalidOptionError
        If it cannot be written there.
    """
    try:
        write_atomic(Path(path), text)
    except OSError as error:
        raise InvalidOptionError(
            option="path",
            found=str(path),
            expected=f"a file that can be written ({error.strerror or error})",
        ) from error
