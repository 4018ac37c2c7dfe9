"""Write files and folders atomically, and explain why a write failed."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["STAGE_PREFIX", "put_in_place", "stage_in", "storing", "write_atomic"]

STAGE_PREFIX: Final = ".modelship-"

_FULL: Final = "Free some space there, or"
_CLOSED: Final = "Make it writable for this user, or"
_BLOCKED: Final = "Move away the file that is in place of a folder, or"
_ADVICE: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: _CLOSED,
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.ENOTDIR: _BLOCKED,
    errno.EEXIST: _BLOCKED,
    errno.EISDIR: "Move away the folder that is in place of a file, or",
    errno.ENAMETOOLONG: "Its path is too long:",
    errno.ELOOP: "A link in its path leads to itself: remove it, or",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), or",
    errno.EIO: "Check the disk, or",
}
# What a system says of a folder, or of a file where a folder is moved to.
_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR})
_OTHER_HOME: Final = "set MODELSHIP_HOME to another folder."
_OTHER_FOLDER: Final = "name another folder."


@contextlib.contextmanager
def storing(place: Path, *, ours: bool = True) -> Iterator[None]:
    """Convert the disk's errors in the block to StorageError; other errors are unchanged.

    Parameters
    ----------
    place : Path
        What is written or read, for an error that has no path.
    ours : bool
        Whether ``MODELSHIP_HOME`` moves it; otherwise the user has chosen the path.

    Raises
    ------
    StorageError
        If there is no space, no permission, no such device, or a file in place of a folder.
    """
    try:
        yield
    except OSError as error:
        begun = _ADVICE.get(error.errno or 0)
        if begun is None and _has_no_blocks(Path(str(error.filename or place))):
            begun = "No file can be created there:"
        if begun is None:
            raise
        raise StorageError(
            path=str(error.filename or place),
            cause=(error.strerror or str(error)).lower(),
            advice=f"{begun} {_OTHER_HOME if ours else _OTHER_FOLDER}",
        ) from error


def _has_no_blocks(path: Path) -> bool:
    """Return whether a path is on a file system that stores nothing, such as /proc."""
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    return os.statvfs(there).f_blocks == 0


def write_atomic(
    path: Path, content: bytes | str, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write `content` to `path` atomically, through a temporary file next to it, as UTF-8.

    A concurrent reader of `path`, or one after this process was killed, finds the new content or
    the previous one. Only its owner can ever read the temporary file of a mode without permissions
    for others.

    Parameters
    ----------
    path : Path
        The file. Its folder is created if it is missing.
    content : bytes or str
        The complete content.
    mode : int
        Its permissions, before the umask is applied.
    durable : bool
        Whether to sync it to the disk before returning, so that it survives a power failure.

    Raises
    ------
    OSError
        If it cannot be written. The previous content of `path` is unchanged then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{STAGE_PREFIX}{uuid.uuid4().hex}")
    data = content.encode() if isinstance(content, str) else content
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - Path.open() takes no descriptor
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def stage_in(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside `folder`, on the same disk; it is deleted at the end.

    Folders that were created for it are deleted too, if the block raises.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with _new_stage(folder) as stage:
            yield Path(stage)
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _new_stage(folder: Path) -> tempfile.TemporaryDirectory[str]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _stage(folder)
    except FileNotFoundError:  # another process has failed, and has just removed the folder
        folder.mkdir(parents=True, exist_ok=True)
        return _stage(folder)


def _stage(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=STAGE_PREFIX, dir=folder, ignore_cleanup_errors=True)


def put_in_place(
    new: Path, place: Path, *, aside: Path, is_there: Callable[[], bool] = lambda: False
) -> None:
    """Move `new` to `place`; the previous one moves `aside`, and back on an error.

    Of several processes that do so at the same time, the last one wins.

    Parameters
    ----------
    new, place : Path
        What is moved, and where.
    aside : Path
        Where the previous one moves; a path on the same disk that does not exist.
    is_there : Callable[[], bool]
        Returns whether the folder in `place` has the content of `new`: then it stays, so that who
        reads it always finds it.
    """
    if not new.is_dir() and not place.is_dir():
        new.replace(place)
        return
    try:
        while not _moved_in(new, place) and not is_there():
            aside = _free(aside)
            with contextlib.suppress(FileNotFoundError):  # another process has moved it
                place.rename(aside)
    except BaseException:
        if os.path.lexists(aside) and not os.path.lexists(place):
            aside.rename(place)
        raise


def _moved_in(new: Path, place: Path) -> bool:
    """Move `new` to `place`; return False if the place is taken."""
    try:
        new.rename(place)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _free(path: Path) -> Path:
    """Return the path, or else one beside it that does not exist."""
    return path.with_name(f"{path.name}-{uuid.uuid4().hex}") if os.path.lexists(path) else path
