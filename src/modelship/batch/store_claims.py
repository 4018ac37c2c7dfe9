"""Let one driver at a time write to a job in an object store, which has no locks.

A driver writes a claim of its own, and then looks for those of others: of two drivers, one at least
sees the other, and ends. It renews its claim while it drives. One that was not renewed for a lease
is that of a driver that was killed: the next driver watches it for so long, by its own clock, and
removes it. On the machine of its driver, there is no need to wait: the process is gone. A driver
that could not renew its claim for half a lease, or whose claim was removed, writes no more. One
that renews it later, such as after its machine slept, cannot know whether it was removed just
before: it writes no more either if another driver has a claim.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from modelship.batch.output_names import OURS
from modelship.batch.store_errors import StoreError
from modelship.batch.store_waits import say_wait
from modelship.errors import BatchOutputError
from modelship.process_identity import machine_since_start, start_of_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.batch.store_files import StoreFiles

__all__ = ["LEASE_S", "Claim", "claimed", "is_claimed"]

LEASE_S: Final = 60.0
"""How long a claim is taken for that of a driver that runs, in seconds."""
_CLAIMS: Final = f"{OURS}/drivers"
_RENEWALS: Final = 6
_REMOVALS: Final = 360
_ENDING_S: Final = 15.0


class Claim:
    """The claim of this driver.

    Parameters
    ----------
    files : StoreFiles
        The objects of the job.
    lease_s : float
        How long it is valid, in seconds.
    """

    def __init__(self, files: StoreFiles, *, lease_s: float) -> None:
        self.name = f"{_CLAIMS}/{uuid.uuid4().hex}.json"
        self._files = files
        self._lease_s = lease_s
        self._since = time.time()
        self._ended = threading.Event()
        self._is_lost = False
        self._renewed_s = _now_s()

    def require_held(self) -> None:
        """Check that no other driver may have taken the job.

        Raises
        ------
        BatchOutputError
            If it could not be renewed, or was removed, alone or with all else.
        """
        if self._is_lost and not self._files.sizes():
            raise BatchOutputError(
                self._files.url,
                f"while the job ran, the bucket or all of its objects below {self._files.root} "
                "were removed",
                "End what does so, and run the same command again, once there is a bucket.",
            )
        if self._is_lost or self._is_late():
            raise BatchOutputError(
                self._files.url,
                "its claim could not be renewed in time, so that another job may write to it",
                "Run the same command again: it scores what is missing.",
            )

    def write(self) -> None:
        """Write it, or renew it."""
        document = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "machine": machine_since_start(),
            "started": start_of_process(os.getpid()),
            "since": self._since,
            "renewed": time.time(),
            "lease_s": self._lease_s,
        }
        self._files.put(self.name, json.dumps(document).encode())

    def renew(self) -> None:
        """Write it again, unless another driver may have taken the job."""
        began_s = _now_s()
        if self._files.size(self.name) is None:
            self._is_lost = True
            return
        self.write()
        if self._is_late() and len(self._files.sizes(_CLAIMS)) > 1:
            self._is_lost = True
            return
        self._renewed_s = began_s

    def keep(self) -> None:
        """Renew it several times in a lease until it has ended or is lost, and remove it."""
        while not (self._is_lost or self._ended.wait(self._lease_s / _RENEWALS)):
            with suppress(StoreError):  # the next time it may work
                self.renew()
        for _ in range(_REMOVALS):  # until the store answers again, or this process ends
            with suppress(StoreError):
                self._files.remove([self.name])
                return
            time.sleep(self._lease_s / _RENEWALS)

    def end(self) -> None:
        """Let it be removed by what keeps it."""
        self._ended.set()

    def _is_late(self) -> bool:
        return _now_s() - self._renewed_s > self._lease_s / 2


@contextmanager
def claimed(files: StoreFiles, *, lease_s: float = LEASE_S) -> Iterator[Claim]:
    """Hold the claim of a job while the body runs.

    Raises
    ------
    BatchOutputError
        If another process holds it.
    """
    claim = Claim(files, lease_s=lease_s)
    claim.write()
    keeping = threading.Thread(target=claim.keep, daemon=True)
    keeping.start()
    try:
        _wait_for_others(files, claim)
        yield claim
    finally:
        claim.end()
        keeping.join(_ENDING_S)  # a store that does not answer is not waited for


def is_claimed(files: StoreFiles) -> bool:
    """Return whether a process holds the claim of a job, as far as clocks agree."""
    return any(map(_seems_to_run, map(_document, _claims(files).values())))


def _wait_for_others(files: StoreFiles, own: Claim) -> None:
    """Remove the claims of drivers that were killed, and refuse to drive next to one that runs."""
    seen: dict[str, tuple[bytes, float]] = {}
    is_said = False
    asked_s = time.monotonic()
    while others := _others(files, own):
        for name, content in others.items():
            found = _document(content)
            known, since_s = seen.setdefault(name, (content, time.monotonic()))
            if known != content or _runs_here(found):
                raise _held(files, found)
            if _ended_here(found) or asked_s - since_s > _lease_of(found):
                files.remove([name])
        running = [each for each in map(_document, others.values()) if not _ended_here(each)]
        if running:
            if not is_said:
                say_wait(_waiting(files, running[0]))
                is_said = True
            time.sleep(min(map(_lease_of, running)) / _RENEWALS / 2)
        asked_s = time.monotonic()  # reading may take long: one may be renewed after it was read
    own.require_held()


def _others(files: StoreFiles, own: Claim) -> dict[str, bytes]:
    """Return the claims of others, from a listing that has that of this driver, too.

    Raises
    ------
    BatchOutputError
        If it lacks that one: then it may lack others.
    """
    found = _claims(files)
    if found.pop(own.name, None) is None:
        raise BatchOutputError(
            files.url,
            "its list of objects lacks one that was just written, or another job removed it",
            "Run the same command again. If that does not help, write to a folder, and copy it.",
        )
    return found


def _claims(files: StoreFiles) -> dict[str, bytes]:
    found = {}
    for name in files.sizes(_CLAIMS):
        with suppress(FileNotFoundError):  # it was removed meanwhile
            found[name] = files.get(name)
    return found


def _now_s() -> float:
    """Return seconds that also pass while this machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _document(content: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(content)
        if isinstance(found, dict):
            return found
    return {}


def _lease_of(found: dict[str, Any]) -> float:
    return float(found.get("lease_s", LEASE_S))


def _held(files: StoreFiles, found: dict[str, Any]) -> BatchOutputError:
    return BatchOutputError(
        files.url,
        f"another batch job (process {found.get('pid')} on {found.get('host')}) writes to it",
        "Wait until that one has ended, or end it, and run the same command again.",
    )


def _waiting(files: StoreFiles, found: dict[str, Any]) -> str:
    """Return what is waited for, and for how long."""
    return (
        f"waiting for up to {_lease_of(found):.0f} s whether process {found.get('pid')} on "
        f"{found.get('host')} still writes to {files.url}: it has left a claim there"
    )


def _seems_to_run(found: dict[str, Any]) -> bool:
    if _is_here(found):
        return _runs_here(found)
    return time.time() - float(found.get("renewed", 0)) < _lease_of(found)


def _runs_here(found: dict[str, Any]) -> bool:
    return _is_here(found) and start_of_process(found.get("pid", 0)) == found.get("started")


def _ended_here(found: dict[str, Any]) -> bool:
    return _is_here(found) and not _runs_here(found)


def _is_here(found: dict[str, Any]) -> bool:
    return bool(machine_since_start()) and found.get("machine") == machine_since_start()
