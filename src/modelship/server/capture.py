"""Save failed requests in a folder, for ``modelship replay``.

Disabled unless MODELSHIP_CAPTURE names a folder. The event loop only enqueues a failed request; one
thread of the worker writes it, and drops requests that arrive faster than it can write. Several
workers write to one folder: each file is written under a temporary name first, and so is never
incomplete.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .capture_line import FailedRequest, stamp
from .logs import logger

if TYPE_CHECKING:
    from .http_contract import HttpAnswer, Request
    from .settings import Settings

__all__ = ["Capture"]

_FAILED = 400
# Refused for a reason outside the request itself: no key, the route, the size, too much load.
_REFUSALS = frozenset({401, 404, 405, 408, 413, 503})
_RAN = (b"x-ms-run-fn-exec-ms", b"x-ms-run-function-failed: True")
_MOST_WAITING = 64
_MOST_WAITING_BYTES = 64 << 20
_PAUSE_S = 0.01
"""The minimum interval between two files: a flood of failures must not overload the service."""
_TELL_EVERY_S = 10.0
_CLOSE_S = 5.0
_BLOCK_BYTES = 4096
_ABANDONED_S = 60.0


class Capture:
    """An observer of the service that saves failed requests.

    Parameters
    ----------
    folder : Folder
        The folder of the files.
    body_bytes : int
        The maximum of the saved bytes of a body.
    """

    def __init__(self, folder: Folder, *, body_bytes: int) -> None:
        self._folder = folder
        self._body_bytes = body_bytes
        most = max(1, min(_MOST_WAITING, _MOST_WAITING_BYTES // body_bytes))
        self._waiting: queue.Queue[FailedRequest | None] = queue.Queue(most)
        self._dropped = 0  # used by the event loop; the count already logged is the thread's
        self._told = 0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    @staticmethod
    def from_settings(settings: Settings) -> Capture | None:
        """Return the capture for these settings; None if it is disabled, or cannot write."""
        if not settings.capture_folder:
            return None
        path = Path(os.path.abspath(settings.capture_folder))  # noqa: PTH100 - run() may move elsewhere; links stay as they are
        folder = Folder(path, most_bytes=settings.capture_bytes, writers=settings.workers)
        try:
            folder.prepare()
        except OSError as error:
            why = error.strerror or type(error).__name__
            logger.error("Failed requests are not captured: %s cannot be written: %s", path, why)
            return None
        return Capture(folder, body_bytes=settings.capture_body_bytes)

    def note(self, request: Request, answer: HttpAnswer, duration_s: float) -> None:
        """Enqueue the request if it failed; another thread writes it later."""
        if answer.status < _FAILED or not _is_its_own(answer):
            return
        try:
            failed = FailedRequest.of(request, answer, duration_s, most_bytes=self._body_bytes)
            self._waiting.put_nowait(failed)
            if self._thread is None:  # started late: threads do not survive a fork
                thread = threading.Thread(target=self._write_all, name="capture", daemon=True)
                thread.start()
                self._thread = thread
        except (queue.Full, RuntimeError, MemoryError):  # RuntimeError: no more threads
            self._dropped += 1

    def close(self) -> None:
        """Write the queued requests, for a few seconds at most."""
        self._closing.set()
        if self._thread is not None:
            try:
                self._waiting.put(None, timeout=_CLOSE_S)
            except queue.Full:
                return
            self._thread.join(_CLOSE_S)

    def _write_all(self) -> None:
        told_s = -_TELL_EVERY_S
        problem = ""
        while (failed := self._waiting.get()) is not None:
            problem = self._write(failed, last_problem=problem)
            if time.monotonic() - told_s > _TELL_EVERY_S and self._tell_dropped():
                told_s = time.monotonic()
            self._closing.wait(_PAUSE_S)
        self._tell_dropped()

    def _write(self, failed: FailedRequest, *, last_problem: str) -> str:
        """Write one file, and return why that failed; a continuing problem is logged once."""
        try:
            self._folder.add(failed.line(), at_ns=failed.at_ns)
        except OSError as error:
            problem = error.strerror or type(error).__name__
        except Exception as error:  # noqa: BLE001 - nothing that a client sends may end the capture
            problem = type(error).__name__
        else:
            return ""
        if problem != last_problem:
            logger.error("A failed request could not be captured: %s", problem)
        return problem

    def _tell_dropped(self) -> int:
        """Log the number of dropped requests since the last such line, and return it."""
        count = self._dropped - self._told
        if count:
            self._told += count
            logger.warning("%d failed requests came too fast to be captured.", count)
        return count


class Folder:
    """A folder with one file per failed request; the oldest are deleted when there are too many.

    Parameters
    ----------
    path : Path
        The folder.
    most_bytes : int
        The maximum size of all files, in whole blocks of 4 KiB as on a disk.
    writers : int
        The number of processes that write there.
    """

    def __init__(self, path: Path, *, most_bytes: int, writers: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        # Listing a folder is more expensive than writing a file, so each writer has a share that it
        # may fill before it lists again.
        self._share_bytes = most_bytes // (8 * writers)
        self._left_bytes = 0
        self._numbers = itertools.count()

    def prepare(self) -> None:
        """Create the folder if it is missing, and check that it is writable."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = self._path / f".{os.getpid()}.probe"
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        probe.unlink(missing_ok=True)  # another container may have the same process id
        self._remove_abandoned()

    def add(self, line: bytes, *, at_ns: int) -> None:
        """Write one file, after deleting old ones to make space.

        Raises
        ------
        OSError
            If it cannot be written; no partial file is left then.
        """
        size = _on_disk(len(line))
        if size > self._most_bytes * 7 // 8:
            raise OSError(0, "it is larger than all captures together may be")
        if size > self._left_bytes:
            self._make_room(size)
            self._left_bytes = max(size, self._share_bytes)
        at = stamp(at_ns).replace(":", "").replace("-", "")
        name = f"{at}-{os.getpid()}-{next(self._numbers)}.jsonl"
        part = self._path / f".{name}.part"
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - the mode from the first moment on
                file.write(line)
            part.rename(self._path / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self._left_bytes -= size

    def _make_room(self, size: int) -> None:
        with os.scandir(self._path) as entries:
            found = sorted((each.name, _size_of(each)) for each in entries if _is_capture(each))
        total = sum(size for _, size in found)
        allowed = self._most_bytes * 7 // 8 - size
        for name, used in found:
            if total <= allowed:
                break
            (self._path / name).unlink(missing_ok=True)  # another worker may have removed it
            total -= used

    def _remove_abandoned(self) -> None:
        """Remove the partial file of a worker that was killed."""
        for part in self._path.glob(".*.jsonl.part"):
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                if time.time() - part.stat().st_mtime > _ABANDONED_S:
                    part.unlink()


def _is_its_own(answer: HttpAnswer) -> bool:
    """Return whether a response is an error caused by the request, and not by its route or key."""
    return answer.status not in _REFUSALS or any(each in answer.head for each in _RAN)


def _is_capture(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".jsonl") and not entry.name.startswith(".")


def _size_of(entry: os.DirEntry[str]) -> int:
    try:
        return _on_disk(entry.stat(follow_symlinks=False).st_size)
    except OSError:  # another worker has removed it
        return 0


def _on_disk(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
