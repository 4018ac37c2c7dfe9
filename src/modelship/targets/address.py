"""Open the address of a name once, and pass it from one instance to the next.

All instances of a name hold the same listening socket, and accept connections from it only while
their gate is open (:mod:`modelship.server.address_gate`). In the folder of each is a Unix socket
for commands, ``gate``, which only this user can connect to.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelship.errors import PortTakenError, TargetUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelship.targets.instance import Instance

__all__ = [
    "GATE",
    "IS_SUPPORTED",
    "ROUTED",
    "Gates",
    "address_for",
    "calls_in",
    "fetch",
    "has_lost_it",
    "listen",
    "port_of",
    "uri_of",
]

IS_SUPPORTED: Final = hasattr(select, "epoll")
"""Whether this system supports gates; Linux does."""
GATE: Final = "gate"
ROUTED: Final = "routed"
"""A file that exists while an instance serves the address of its name."""

Address = socket.socket
_BACKLOG: Final = 2048
_CALL_TIMEOUT_S: Final = 10.0
_MOST_CALLERS: Final = 16


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; on a free port if `port` is None.

    Raises
    ------
    PortTakenError
        If another program listens on `port`.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it; without it, the end of a response may be delayed by 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(("127.0.0.1", port or 0))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTakenError(port=port or 0) from error
    return listener


@contextmanager
def calls_in(folder: Path, *, name: str = GATE, mode: int = 0o600) -> Iterator[socket.socket]:
    """Yield a Unix socket that listens in `folder`; the file stays there.

    Raises
    ------
    OSError
        If it cannot be created there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, _short(folder) as place:
        os.fchmod(listener.fileno(), mode)  # the file has this mode from the start
        with suppress(FileNotFoundError):
            (folder / name).unlink()
        listener.bind(f"{place}/{name}")
        Path(place, name).chmod(mode)  # independent of the umask
        listener.listen(_MOST_CALLERS)
        yield listener


class Gates:
    """The gates of the instances that one backend starts and controls.

    An instance exits on its own once this object is gone, as long as it has never been told to
    serve the address: it belongs to the deploying process.

    Parameters
    ----------
    target : str
        The name of the target.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._leashes: dict[str, socket.socket] = {}

    def hand_over(
        self, instance: Instance, leash: socket.socket, *, address: Address, calls: socket.socket
    ) -> None:
        """Send a starting instance the resources for its gate; it need not be connected yet.

        Raises
        ------
        OSError
            If it is gone.
        """
        self._leashes[instance.instance_id] = leash
        passed = struct.pack("2i", address.fileno(), calls.fileno())
        leash.sendmsg([b"g"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])

    def let_go(self, instance: Instance) -> None:
        """Stop tying the lifetime of an instance to this process."""
        leash = self._leashes.pop(instance.instance_id, None)
        if leash is not None:
            leash.close()

    def tell(self, instance: Instance, folder: Path, *, on: bool) -> None:
        """Open or close the gate of an instance; return when its processes have followed.

        Raises
        ------
        TargetUnavailableError
            If it does not do so. An instance that is gone counts as closed.
        """
        routed = folder / ROUTED
        if not on:
            with suppress(OSError):
                _tell(folder, b"off")
            routed.unlink(missing_ok=True)
            return
        try:
            routed.touch()  # first: an open gate without this marker would not be found again
            _tell(folder, b"on")
        except OSError as error:
            routed.unlink(missing_ok=True)
            raise self._unavailable(folder, error.strerror or str(error)) from error
        self.let_go(instance)

    def lend(self, folder: Path) -> socket.socket:
        """Close the gate of the instance in `folder` while the returned connection is open.

        It opens again when the connection and all its duplicates are closed, unless it received
        another command since.

        Raises
        ------
        TargetUnavailableError
            If it does not do so.
        """
        call, command = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), b"lend"
        cause = "it is shutting down, and accepts no commands"
        try:
            _ask(call, folder, command)
            if call.recv(len(command)) == command:
                return call
        except OSError as error:
            cause = error.strerror or str(error)
        call.close()
        raise self._unavailable(folder, cause)

    def address_of(self, folder: Path) -> Address:
        """Return a duplicate of the address of the instance in `folder`.

        Raises
        ------
        TargetUnavailableError
            If it does not return one.
        """
        found = fetch(folder)
        if found is None:
            raise self._unavailable(folder, "it is shutting down, or has none")
        return found

    def _unavailable(self, folder: Path, cause: str) -> TargetUnavailableError:
        return TargetUnavailableError(
            target=self._target,
            cause=f"the instance in {folder} does not share its address ({cause})",
            advice="Read its log, and deploy again.",
        )


def fetch(folder: Path) -> Address | None:
    """Return a duplicate of the address of the instance in `folder`; None if it returns none."""
    size = struct.calcsize("i")
    with suppress(OSError), _call(folder, b"address") as call:
        _, parts, _, _ = call.recvmsg(16, socket.CMSG_SPACE(size), socket.MSG_CMSG_CLOEXEC)
        for level, kind, passed in parts:
            if (level, kind, len(passed)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, size):
                return socket.socket(fileno=struct.unpack("i", passed)[0])
    return None


def has_lost_it(folder: Path) -> bool:
    """Return whether the instance in `folder` has lost its address: nobody accepts commands."""
    try:
        with _call(folder, b""):
            return False
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:  # it is busy, or belongs to another user
        return False


def address_for(folders: Iterable[Path], *, port: int | None, last: int | None) -> Address:
    """Return the address of a name: that of a running instance, or a new one.

    Parameters
    ----------
    folders : Iterable[Path]
        The folders of the instances of the name, the serving one first.
    port : int or None
        The requested port.
    last : int or None
        The port that the name used last.

    Raises
    ------
    PortTakenError
        If another program listens on the port.
    """
    for folder in folders:
        found = fetch(folder)
        if found is not None:
            if port in {None, found.getsockname()[1]}:
                return found
            found.close()
    return listen(port or last)


def port_of(uri: str) -> int | None:
    """Return the port of an address such as ``http://127.0.0.1:5001/score``."""
    return urlsplit(uri).port if uri else None


def uri_of(listener: socket.socket) -> str:
    """Return the scoring URI of a service that listens there."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}/score"


def _tell(folder: Path, command: bytes) -> None:
    with _call(folder, command) as call:
        if call.recv(len(command)) != command:
            raise OSError("it accepts no commands")


@contextmanager
def _call(folder: Path, command: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as call:
        _ask(call, folder, command)
        yield call


def _ask(call: socket.socket, folder: Path, command: bytes) -> None:
    call.settimeout(_CALL_TIMEOUT_S)
    with _short(folder) as place:
        call.connect(f"{place}/{GATE}")
    call.sendall(command)


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Yield a path to `folder` that fits into the address of a Unix socket, 107 bytes."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}"
    finally:
        os.close(opened)
