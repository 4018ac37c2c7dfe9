"""Files that are there whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from modelship.errors import InvalidOptionError

if TYPE_CHECKING:
    import os

__all__ = ["replace_file", "write_text"]


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, through a draft beside it; make the folder if it is missing.

    Raises
    ------
    OSError
        If the folder cannot be made or written to. What was at `path` is still there then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all.

    Raises
    ------
    InvalidOptionError
        If it cannot be written there.
    """
    try:
        replace_file(Path(path), text.encode())
    except OSError as error:
        raise InvalidOptionError(
            option="path",
            found=str(path),
            expected=f"a file that can be written ({error.strerror or error})",
        ) from error
