"""Find unused files on this machine, and the space that removing each of them frees.

A caller that removes files holds :func:`modelship.state_paths.clearing_caches`, so that no
deployment and no check of this user starts to use them.
"""

from __future__ import annotations

import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import psutil

from modelship.runtime.environments import environments_folder, last_used
from modelship.runtime.servers import SERVERS
from modelship.staging import STAGE_PREFIX
from modelship.state_paths import cache_folder, exclusive, leads_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

__all__ = [
    "Leftover",
    "freed_bytes",
    "old_files",
    "remove_folder",
    "unused_environments",
    "unused_servers",
    "used_by_processes",
]

_TELLING: Final = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")
_DAY_S: Final = 86400.0
_BLOCK_BYTES: Final = 512


@dataclass(frozen=True)
class Leftover:
    """An item that is no longer used.

    Parameters
    ----------
    kind : str
        The kind of item: ``"environment"``, ``"server"``, ``"image"``, ``"container"``,
        ``"release"``, ``"draft"`` or ``"file"``.
    name : str
        The path of the item, or the name of the image or container.
    size_bytes : int
        The size that its removal frees; files with other hard links are not counted.
    why : str
        A description of why it is unused.
    remove : Callable
        Removes it.
    """

    kind: str
    name: str
    size_bytes: int
    why: str
    remove: Callable[[], None] = field(repr=False, compare=False)

    @staticmethod
    def at(
        path: Path, kind: str, *, why: str, remove: Callable[[Path], None] | None = None
    ) -> Leftover:
        """Return a file or folder as an item; by default :func:`remove_folder` removes it."""
        remove = partial(remove or remove_folder, path)
        return Leftover(kind, str(path), freed_bytes(path), why, remove)


def unused_environments(
    *, needed: Collection[Path], running: Collection[str], before: float
) -> Iterator[Leftover]:
    """Yield each environment that no process uses, and that was not requested recently.

    Parameters
    ----------
    needed : Collection[Path]
        The folders of the environments to keep.
    running : Collection[str]
        The result of :func:`used_by_processes`.
    before : float
        Only environments last used before this time, in seconds since 1970.
    """
    for folder in _folders_in(environments_folder()):
        used_at = last_used(folder)
        if folder in needed or used_at >= before or _is_named(folder, running):
            continue
        why = f"nothing runs in it; used last {_ago(used_at)}"
        yield Leftover.at(folder, "environment", why=why, remove=_remove_environment)


def unused_servers(*, but: Collection[str], running: Collection[str]) -> Iterator[Leftover]:
    """Yield each copy of modelship's server, next to an environment, that no service uses.

    Copies of this release of modelship are kept: the next service uses them.

    Parameters
    ----------
    but : Collection[str]
        The paths of environments to be removed as a whole.
    running : Collection[str]
        The result of :func:`used_by_processes`.
    """
    current = {server.digest[:8] for server in SERVERS.values() if server.digest}
    for environment in _folders_in(environments_folder()):
        if str(environment) in but:
            continue
        for folder in _folders_in(environment / "servers"):
            if folder.name.partition("-")[0] in current or _is_named(folder, running):
                continue
            why = "it belongs to another release of modelship, and no service runs on it"
            yield Leftover.at(folder, "server", why=why)


def old_files(folder: Path, patterns: Iterable[str], *, before: float, why: str) -> list[Leftover]:
    """Return the files and folders below `folder` that were last modified before a time.

    Links are not followed.
    """
    found = []
    for path in sorted(each for pattern in patterns for each in folder.glob(pattern)):
        if leads_out(path.parent, of=folder):
            continue
        with suppress(OSError):  # removed by another process
            if path.lstat().st_mtime < before:
                kind = "draft" if path.name.startswith(".") or path.is_dir() else "file"
                found.append(Leftover.at(path, kind, why=why))
    return found


def freed_bytes(path: Path) -> int:
    """Return the disk space in bytes that removing a file or folder frees."""
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else (path,)
    total = 0
    for each in files:
        with suppress(OSError):
            found = each.lstat()
            total += found.st_blocks * _BLOCK_BYTES if found.st_nlink == 1 or each.is_dir() else 0
    return total


def remove_folder(folder: Path) -> None:
    """Remove a folder or a file; a folder is renamed first, so its removal is atomic for others."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    aside = folder.with_name(f"{STAGE_PREFIX}{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _remove_environment(folder: Path) -> None:
    # A process that is creating it, outside of a deployment, holds this lock, and keeps it.
    with suppress(TimeoutError), exclusive(f"environment-{folder.name}", timeout_s=0):
        remove_folder(folder)


def _folders_in(folder: Path) -> list[Path]:
    found = sorted(each for each in folder.glob("*") if not each.name.startswith("."))
    return [each for each in found if each.is_dir() and not each.is_symlink()]


def used_by_processes() -> list[str]:
    """Return the command lines and path variables of all processes that can be inspected."""
    told = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told += process.cmdline()
        with suppress(psutil.Error):
            variables = process.environ()
            told += [variables[name] for name in _TELLING if name in variables]
    home = str(cache_folder())
    return [each for each in told if home in each]


def _is_named(folder: Path, texts: Iterable[str]) -> bool:
    inside = (f"{folder}/", f"{folder}:")
    return any(text.endswith(str(folder)) or any(each in text for each in inside) for text in texts)


def _ago(moment: float) -> str:
    days = (time.time() - moment) / _DAY_S
    return f"{days:.0f} days ago" if days >= 2 else f"{days * 24:.0f} hours ago"  # noqa: PLR2004 - as people say it
