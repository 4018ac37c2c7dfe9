"""Find and open input files: on this machine, or through fsspec where a path has a scheme."""

from __future__ import annotations

import glob
import io
import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from modelship.batch.row_files.row_format import COMPRESSIONS
from modelship.batch.store_errors import translated
from modelship.batch.store_files import StoreFiles
from modelship.batch.store_systems import (
    canonical_url,
    in_steps,
    in_time,
    is_asynchronous,
    opened_system,
    stamp_in,
)
from modelship.batch.store_waits import answering
from modelship.errors import BatchInputError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from modelship.batch.batch_plan import InputFile

__all__ = [
    "FoundFile",
    "files_at",
    "is_remote",
    "open_rows",
    "reading",
    "require_same",
    "size_and_stamp",
]

_CHUNK_BYTES = 1 << 24
_WITHOUT_RANGES = ("http://", "https://")  # some servers send all; the driver waits for 5 minutes


@dataclass(frozen=True)
class FoundFile:
    """A file of the input.

    Parameters
    ----------
    path : str
        Its path, as it is opened.
    name : str
        Its path below the folder that was named, or its name.
    is_named : bool
        Whether the file itself was named, not a folder that has it.
    """

    path: str
    name: str
    is_named: bool = False


def is_remote(path: object) -> bool:
    """Return whether a path has a scheme, such as ``s3://``."""
    return "://" in str(path)


def files_at(given: str) -> list[FoundFile]:
    """Return the files of a path: a file, a folder or a pattern, in the order of their names.

    Names that begin with ``_`` or ``.`` below a folder are skipped, as readers of datasets do.

    Raises
    ------
    BatchInputError
        If there is none, or it may not be read.
    """
    given = canonical_url(given)
    try:
        with _asking(given):
            found = list(_remote_files(given) if is_remote(given) else _local_files(Path(given)))
    except OSError as error:
        if is_remote(given) or error.errno is not None:
            problem = (error.strerror or str(error) or type(error).__name__).lower()
            raise BatchInputError(str(error.filename or given), problem) from error
        raise
    return sorted(found, key=lambda each: each.name)


def open_rows(path: str, *, limit_s: float | None = None) -> BinaryIO:
    """Open a file for reading from any position; a compressed one is decompressed into memory.

    `limit_s` is how long a store may send nothing, in seconds; see :class:`StoreFiles`.
    """
    file: Any = _opened(path, limit_s) if is_remote(path) else Path(path).open("rb")  # noqa: SIM115 - the caller closes it
    compression = COMPRESSIONS.get(Path(path).suffix.lower())
    if compression is None:
        opened: BinaryIO = file
        return opened
    import pyarrow as pa

    with file, pa.CompressedInputStream(pa.PythonFile(file, "r"), compression) as stream:
        return _held(stream, most_bytes=_most_held_bytes())


def _opened(path: str, limit_s: float | None) -> Any:
    """Open a remote file; one of a store in ranges, of which each has a time limit."""
    with _asking(path):
        system, place = _file_system(path)
        if not is_asynchronous(system) or path.startswith(_WITHOUT_RANGES):
            return system.open(place, "rb")
    folder, _, name = place.rpartition("/")
    return StoreFiles(path, system, folder, limit_s).open(name)


def _held(stream: Any, *, most_bytes: int) -> BinaryIO:
    """Return what a stream has; a file of a few bytes may be decompressed to any size.

    Raises
    ------
    ValueError
        If it is more than may be held in memory; the text is a clause.
    """
    held = io.BytesIO()
    while chunk := stream.read(_CHUNK_BYTES):
        held.write(chunk)
        if held.tell() > most_bytes:
            limit = f"{most_bytes / 2**30:.1f} GB, a quarter of this machine's memory"
            raise ValueError(f"it has more than {limit}: decompress it, so that it is cut")
    held.seek(0)
    return held


def _most_held_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


@contextmanager
def reading(file: InputFile, *, limit_s: float | None = None) -> Iterator[BinaryIO]:
    """Open a file of a plan while the body runs, and convert what is wrong with it to an error.

    `limit_s` is that of :func:`open_rows`.

    Raises
    ------
    BatchInputError
        If it cannot be read, or has changed since the plan was made.
    """
    import pyarrow as pa

    try:
        _require_unchanged(file)
        with open_rows(file.path, limit_s=limit_s) as source, _translated(file.path):
            yield source
        _require_unchanged(file)
    except (ValueError, pa.ArrowException) as error:
        raise BatchInputError(file.path, str(error).rstrip(".")) from error
    except OSError as error:
        raise BatchInputError(file.path, (error.strerror or str(error)).lower()) from error


def require_same(files: Iterable[InputFile]) -> None:
    """Check files that a script opens itself.

    Raises
    ------
    BatchInputError
        If one cannot be found, or has changed since the plan was made.
    """
    for each in files:
        try:
            _require_unchanged(each)
        except OSError as error:  # noqa: PERF203 - a file is looked up, which takes longer
            raise BatchInputError(each.path, (error.strerror or str(error)).lower()) from error


def _require_unchanged(file: InputFile) -> None:
    if size_and_stamp(file.path) != (file.size_bytes, file.stamp):
        raise BatchInputError(
            file.path,
            "it has changed since the job was planned",
            "Restore it and run the same command again, or score it to another output folder.",
        )


def size_and_stamp(path: str) -> tuple[int, str]:
    """Return the size of a file in bytes, and what changes with its content."""
    if is_remote(path):
        system, place = _file_system(path)
        with _asking(path):
            system.invalidate_cache()
            facts = in_time(system, "info", place)
        return int(facts["size"]), stamp_in(facts)
    status = Path(path).stat()
    return status.st_size, str(status.st_mtime_ns)


def _local_files(given: Path) -> Iterator[FoundFile]:
    if given.is_dir():
        yield from _below(given, given)
    elif given.exists():
        yield FoundFile(str(given.absolute()), given.name, is_named=True)
    elif glob.has_magic(str(given)):
        yield from _matching(given)
    else:
        near = [each.name for each in given.parent.iterdir()] if given.parent.is_dir() else []
        raise BatchInputError(str(given), f"it does not exist{nearest(given.name, near)}")


def _matching(pattern: Path) -> Iterator[FoundFile]:
    fixed = next(at for at, each in enumerate(pattern.parts) if glob.has_magic(each))
    base = Path(*pattern.parts[:fixed])
    for each in base.glob(str(Path(*pattern.parts[fixed:]))):
        if _is_hidden(each.relative_to(base)):
            continue
        if each.is_dir():
            if "**" not in pattern.parts:
                yield from _below(each, base)
        else:
            yield FoundFile(str(each.absolute()), each.relative_to(base).as_posix(), is_named=True)


def _below(folder: Path, base: Path) -> Iterator[FoundFile]:
    """Return the visible files below a folder; links are followed, each folder once."""
    seen: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        raise error

    for at, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(at).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [each for each in folders if not _is_hidden(Path(each))]
        for each in files:
            if not _is_hidden(Path(each)):
                path = Path(at, each)
                yield FoundFile(str(path.absolute()), path.relative_to(base).as_posix())


def _is_hidden(path: Path) -> bool:
    return any(each.startswith(("_", ".")) for each in path.parts if each not in {".", ".."})


def _remote_files(given: str) -> Iterator[FoundFile]:
    system, place = _file_system(given)
    system.invalidate_cache()
    if _is_file(system, place):
        yield FoundFile(system.unstrip_protocol(place), place.rpartition("/")[2], is_named=True)
        return
    if glob.has_magic(place):
        base = place[: place.index(next(c for c in place if c in "*?["))].rpartition("/")[0]
        found = in_steps(system, "glob", place, detail=True)
        paths = [each for each, facts in found.items() if facts["type"] == "file"]
    else:
        base, paths = place, list(in_steps(system, "find", place))
    for each in paths:
        name = each.removeprefix(base).lstrip("/")
        if not _is_hidden(Path(name)):
            yield FoundFile(system.unstrip_protocol(each), name)


def _is_file(system: Any, place: str) -> bool:
    """Return whether it is a file; isfile() of fsspec hides that a store does not answer."""
    try:
        return bool(in_time(system, "info", place)["type"] == "file")
    except FileNotFoundError:
        return False


@contextmanager
def _asking(path: str) -> Iterator[None]:
    """Convert what the driver of a remote path raises, and note that it is waited for."""
    with _translated(path), answering(path) if is_remote(path) else nullcontext():
        yield


def _translated(path: str) -> AbstractContextManager[None]:
    """Convert what the driver of a remote path raises to OSError."""
    import pyarrow as pa

    passed = (OSError, ValueError, pa.ArrowException)
    return translated(*passed) if is_remote(path) else nullcontext()


def _file_system(path: str) -> tuple[Any, str]:
    try:
        return opened_system(path)
    except (ImportError, ValueError) as error:
        raise BatchInputError(path, f"its file system is not available: {error}") from error
