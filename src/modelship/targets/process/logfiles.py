"""Read the log of a service: the current file, and the previous one."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LOG", "end_of", "whole"]

LOG = "server.log"
_BLOCK_BYTES = 1 << 16


def whole(folder: Path) -> str:
    """Return the whole available log; ``""`` if there is none."""
    return b"".join(_content(each) for each in _files(folder)).decode(errors="replace")


def end_of(folder: Path, *, lines: int) -> str:
    """Return its last lines; reads only those, from the end."""
    end = b""
    for file in reversed(_files(folder)):
        end = _end_of(file, lines=lines - end.count(b"\n")) + end
        if end.count(b"\n") >= lines:
            break
    return "\n".join(end.decode(errors="replace").splitlines()[-lines:]) if lines > 0 else ""


def _files(folder: Path) -> list[Path]:
    """Return the existing files; a link or a pipe in place of one is ignored."""
    files = (folder / f"{LOG}.1", folder / LOG)
    return [file for file in files if file.is_file() and not file.is_symlink()]


def _content(file: Path) -> bytes:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""


def _end_of(file: Path, *, lines: int) -> bytes:
    """Return the end of a file with at least this many newlines; all of it if it has fewer."""
    blocks: list[bytes] = []
    found = 0
    with suppress(FileNotFoundError), file.open("rb") as stream:
        at = stream.seek(0, os.SEEK_END)
        while at and found <= lines:
            size = min(_BLOCK_BYTES, at)
            at = stream.seek(at - size)
            blocks.append(stream.read(size))
            found += blocks[-1].count(b"\n")
    return b"".join(reversed(blocks))
