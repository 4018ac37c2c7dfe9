"""Manage the folders of services in the state folder, and read their logs.

A folder is named after its instance, ``<service>-<8 hexadecimal digits>``, and that name alone
determines what is read, stopped and removed: a record never leads anywhere else.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

import psutil

from modelship.documents import DocumentError, read_regular
from modelship.staging import storing
from modelship.targets.address import ROUTED
from modelship.targets.instance import MOST_RECORD_BYTES, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "LOG",
    "RECORD",
    "abandoned",
    "draft_of",
    "instances_in",
    "log_end",
    "remove",
    "sweep",
    "whole_log",
]

RECORD: Final = "instance.json"
LOG: Final = "server.log"
_BLOCK_BYTES: Final = 1 << 16

_DRAFT: Final = ".draft-"
_OF_DRAFT: Final = re.compile(r"\.draft-(\d{1,10})-.+")
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d{1,5}/score")


def instances_in(home: Path, *, name: str | None = None) -> list[Instance]:
    """Return the record of each service folder in `home`; a broken one if a record is invalid.

    Only those of the service `name`, if given. Files, links, drafts and folders without a record
    are not services, and are skipped.

    Raises
    ------
    StorageError
        If `home` cannot be read.
    """
    with storing(home):
        folders = (each for each in _folders(home) if each.name.startswith(name or ""))
        found = [record for folder in folders if (record := _read(folder)) is not None]
        return [each for each in found if name in {None, each.name}]


def draft_of(folder: Path) -> Path:
    """Return the folder in which an instance is written and removed; it is never listed."""
    return folder.with_name(f"{_DRAFT}{os.getpid()}-{folder.name}")


def remove(folder: Path) -> None:
    """Remove the folder of an instance; a missing folder, or a link, is no error."""
    draft = draft_of(folder)
    with storing(folder):
        try:
            folder.rename(draft)  # first, so that an interrupted removal leaves a draft
        except FileNotFoundError:
            return
    shutil.rmtree(draft, ignore_errors=True)
    if draft.is_symlink():
        draft.unlink(missing_ok=True)


def abandoned(home: Path) -> Iterator[Path]:
    """Yield the drafts of processes that died while writing them, and no other folders."""
    for draft in sorted(home.glob(f"{_DRAFT}*")):
        match = _OF_DRAFT.fullmatch(draft.name)
        if match and not draft.is_symlink() and not _exists(int(match[1])):
            yield draft


def sweep(home: Path) -> None:
    """Remove the drafts of processes that died while writing them."""
    for draft in abandoned(home):
        shutil.rmtree(draft, ignore_errors=True)


def _folders(home: Path) -> Iterator[Path]:
    try:
        entries = sorted(home.iterdir())
    except FileNotFoundError:  # nothing was ever deployed
        return
    for entry in entries:
        if not entry.name.startswith(".") and entry.is_dir() and not entry.is_symlink():
            yield entry


def _read(folder: Path) -> Instance | None:
    """Read the record in a folder; None if there is none."""
    try:
        content = read_regular(folder / RECORD, most_bytes=MOST_RECORD_BYTES)
        record = Instance.from_json(content)
        if record.instance_id != folder.name:
            raise DocumentError(f"its instance_id is {record.instance_id!r}")
        for uri in (record.scoring_uri, record.direct_uri):
            if not _ADDRESS.fullmatch(uri):
                raise DocumentError(f"it has the address {uri!r:.80}")
    except (FileNotFoundError, NotADirectoryError):
        return None  # a foreign folder, or another process is removing it
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        return Instance.unreadable(folder.name, f"{folder / RECORD} cannot be used: {problem}")
    return replace(record, routed=not record.own_uri or (folder / ROUTED).exists())


def _exists(pid: int) -> bool:
    """Return whether any process has this id."""
    try:
        return psutil.pid_exists(pid)
    except OverflowError:  # larger than any process id
        return False


def whole_log(folder: Path) -> str:
    """Return the whole available log of a service; ``""`` if there is none."""
    with _logs(folder) as files:
        return b"".join(each.read() for each in files).decode(errors="replace")


def log_end(folder: Path, *, lines: int) -> str:
    """Return the last lines of the log of a service; reads only those, from the end."""
    end = b""
    with _logs(folder) as files:
        for file in reversed(files):
            end = _end_of(file, lines=lines - end.count(b"\n")) + end
            if end.count(b"\n") >= lines:
                break
    return "\n".join(end.decode(errors="replace").splitlines()[-lines:]) if lines > 0 else ""


@contextmanager
def _logs(folder: Path) -> Iterator[list[BinaryIO]]:
    """Open the previous and the current file, which a rotation meanwhile does not change.

    The current one is opened first: after a rotation in between it is the previous one, too.
    """
    with ExitStack() as stack:
        current = _opened(folder / LOG, stack)
        previous = _opened(folder / f"{LOG}.1", stack)
        if current and previous and os.path.sameopenfile(current.fileno(), previous.fileno()):
            previous = None
        yield [each for each in (previous, current) if each]


def _opened(file: Path, stack: ExitStack) -> BinaryIO | None:
    """Open a file; a link or a pipe in its place is ignored."""
    if file.is_symlink() or not file.is_file():
        return None
    with suppress(FileNotFoundError):
        return stack.enter_context(file.open("rb"))
    return None


def _end_of(stream: BinaryIO, *, lines: int) -> bytes:
    """Return the end of a file with at least this many newlines; all of it if it has fewer."""
    blocks: list[bytes] = []
    found = 0
    at = stream.seek(0, os.SEEK_END)
    while at and found <= lines:
        size = min(_BLOCK_BYTES, at)
        at = stream.seek(at - size)
        blocks.append(stream.read(size))
        found += blocks[-1].count(b"\n")
    return b"".join(reversed(blocks))
