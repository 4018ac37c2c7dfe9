"""Define Gate: the shared listening socket of a name, served only while the gate is open.

A name's address outlives the instances behind it: all of them share the same listening socket, and
an open instance accepts the pending connections. No connection is lost when another instance takes
over, and no proxy sits in front of the requests.

The process that starts an instance passes the socket, and one for commands, through the variable
``MODELSHIP_GATE``: ``fd:N``, a connected Unix socket, or the path of one to connect to. Until the
gate is first opened, the end of that connection means that the instance is no longer needed.

The open state is a registration in epoll(7) instances that all processes of the service share after
the fork, so all of them see it at once.

This module imports only the standard library, and runs on each Python that a bundle may use: the
settings of the gunicorn in Azure ML's server load it too.
"""

from __future__ import annotations

import errno
import mmap
import os
import select
import selectors
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

__all__ = ["VARIABLE", "Gate", "GateError"]

VARIABLE = "MODELSHIP_GATE"
_DESCRIPTOR = "fd:"
_HANDOVER_S = 30.0
_MOST_CALLS, _LONGEST_COMMAND = 16, 16
_FOLLOWING_S = 5.0
"""A worker that has not followed within this time accepts nothing either: run() blocks it."""
_SOON_S, _LOOKS = 0.01, 10
_SO_DETACH_FILTER = 27
_BACKLOG = 2048
_OPEN, _SHARED = range(2)


class GateError(Exception):
    """The process that started the instance has ended, or passed something else."""


class Gate:
    """An address whose connections the service accepts while the gate is open.

    Parameters
    ----------
    address : socket
        The listening socket. Other instances share it.
    commands : socket
        A listening Unix socket for the commands ``on``, ``off``, ``lend`` and ``address``.
    leash : socket
        Closed when the process that started the instance ends.

    Attributes
    ----------
    address : socket
        See above.
    is_forsaken : bool
        Whether the process that started the instance has ended before the gate was ever open.
    is_followed : callable
        Returns whether all workers have followed the last command, in the first process.
    when_open, when_closed : select.epoll
        Readable while the gate is open, or closed, whether or not connections are pending.
    """

    def __init__(
        self, address: socket.socket, *, commands: socket.socket, leash: socket.socket
    ) -> None:
        self.address = address
        self.is_forsaken = False
        self.is_followed: Callable[[], bool] = lambda: True
        self._shared = mmap.mmap(-1, 2)  # by all processes forked from this one
        self._waiting, self.when_open, self.when_closed = (select.epoll() for _ in range(3))
        self._readable, ending = os.pipe()
        os.close(ending)  # so that EOF is always readable
        self.when_closed.register(self._readable)
        self._selector: Any = selectors.DefaultSelector()
        self._commands = commands
        self._leash = leash
        self._calls: dict[socket.socket, tuple[bytes, float]] = {}  # the reply and its deadline
        self._loan: socket.socket | None = None  # the gate reopens when this closes
        for each, handle in ((commands, self._take_call), (leash, self._feel)):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ, handle)
        address.setblocking(False)

    @classmethod
    def received(cls, environ: MutableMapping[str, str]) -> Gate | None:
        """Receive the sockets named in the environment; None if there are none.

        Programs that a script starts do not see the variable.

        Raises
        ------
        GateError
            If the process that started the instance has ended.
        """
        place = environ.pop(VARIABLE, "")
        leash = _leash(place) if place else None
        if leash is None:
            return None
        leash.settimeout(_HANDOVER_S)
        try:
            address, commands = _received(leash)
        except (OSError, ValueError) as error:
            leash.close()
            raise GateError(f"no address was handed over ({error})") from error
        return cls(address, commands=commands, leash=leash)

    # In every process of the service

    @property
    def is_open(self) -> bool:
        """Whether connections to the address are accepted."""
        return bool(self._shared[_OPEN])

    @property
    def is_alone(self) -> bool:
        """Whether the gate is open, and no other instance can accept connections to the address."""
        return self.is_open and not self._shared[_SHARED]

    def fileno(self) -> int:
        """Return a descriptor that is readable while open and a connection is pending."""
        return self._waiting.fileno()

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection.

        Raises
        ------
        BlockingIOError
            If none is pending, or the gate is closed.
        """
        if not self.is_open:
            raise BlockingIOError(errno.EAGAIN, "the gate is closed")
        return self.address.accept()

    def leave(self) -> None:
        """Leave commands to the parent process."""
        self._selector.close()
        for each in (self._commands, self._leash, *self._calls, *filter(None, [self._loan])):
            each.close()

    def close(self) -> None:
        """Close the address in this process, and accept no more commands."""
        self.leave()
        for each in (self._waiting, self.when_open, self.when_closed, self.address):
            each.close()

    # In the first process

    def look(self, timeout_s: float = 0.0) -> None:
        """Handle commands; wait at most this long for one."""
        while ready := self._selector.select(timeout_s):
            timeout_s = 0.0  # a connection and its command arrive one after the other
            for key, _ in ready:
                if key.fileobj.fileno() >= 0:  # not closed by a command that came at once with it
                    key.data(key.fileobj)
        for call in [*self._calls]:
            self._confirm(call)

    @property
    def commanded(self) -> int:
        """A descriptor that is readable once there is a command."""
        return int(self._selector.fileno())

    def turn(self, *, on: bool) -> None:
        """Open or close the gate, in all processes at once."""
        if on == self.is_open:
            return
        if on:
            self.is_forsaken = False  # the process that opened the gate may have ended by now
            self._forget(self._leash)
            # An instance that ended may have left its filter on the socket.
            with suppress(OSError):  # there is no filter
                self.address.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
            self.address.listen(_BACKLOG)
            self._waiting.register(self.address, select.EPOLLIN)
        else:
            self._waiting.unregister(self.address)
        self._shared[_OPEN] = on
        before, now = (self.when_closed, self.when_open)[:: 1 if on else -1]
        before.unregister(self._readable)
        now.register(self._readable)

    def _take_call(self, commands: socket.socket) -> None:
        with suppress(OSError):
            call, _ = commands.accept()
            call.setblocking(False)
            self._calls[call] = b"", 0.0
            self._selector.register(call, selectors.EVENT_READ, self._answer)
        for silent in [*self._calls][:-_MOST_CALLS]:
            self._hang_up(silent)

    def _answer(self, call: socket.socket) -> None:
        with suppress(OSError):
            command = call.recv(_LONGEST_COMMAND)
            if command in (b"on", b"off", b"lend"):
                self._end_loan()
                self.turn(on=command == b"on")
                self._calls[call] = command, time.monotonic() + _FOLLOWING_S
                self._selector.unregister(call)
                return
            if command == b"address":
                self._shared[_SHARED] = 1
                passed = struct.pack("i", self.address.fileno())
                call.sendmsg([command], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        self._hang_up(call)

    def _confirm(self, call: socket.socket) -> None:
        """Confirm a command once all workers have followed it."""
        command, until_s = self._calls[call]
        if not command:
            return
        is_latest = (command == b"on") == self.is_open
        if is_latest and not self._is_soon_followed() and time.monotonic() < until_s:
            return
        with suppress(OSError):
            call.send(command if is_latest else b"")
        if command == b"lend":
            del self._calls[call]
            self._loan = call
            self._selector.register(call, selectors.EVENT_READ, self._take_back)
        else:
            self._hang_up(call)

    def _take_back(self, _: socket.socket) -> None:
        """Reopen the gate: the borrower, which never sends anything, has ended."""
        self._end_loan()
        self.turn(on=True)

    def _end_loan(self) -> None:
        if self._loan is not None:
            self._forget(self._loan)
            self._loan = None

    def _is_soon_followed(self) -> bool:
        """Return whether all workers follow, within the polling interval of an idle one."""
        for _ in range(_LOOKS):
            if self.is_followed():
                return True
            time.sleep(_SOON_S / _LOOKS)
        return self.is_followed()

    def _hang_up(self, call: socket.socket) -> None:
        del self._calls[call]
        self._forget(call)

    def _feel(self, leash: socket.socket) -> None:
        """Record that the process that started the instance has ended; it never sends anything."""
        self.is_forsaken = True
        self._forget(leash)

    def _forget(self, each: socket.socket) -> None:
        if each.fileno() >= 0:
            with suppress(KeyError):
                self._selector.unregister(each)
            each.close()


def _leash(place: str) -> socket.socket | None:
    """Return the connection to the process that started the instance.

    None if the path does not exist: it was passed before, and this is a restart of the same
    container, which no process waits for.
    """
    if place.startswith(_DESCRIPTOR):
        leash = socket.socket(fileno=int(place[len(_DESCRIPTOR) :]))
        leash.set_inheritable(False)
        return leash
    leash = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        leash.connect(place)
    except FileNotFoundError:
        leash.close()
        return None
    except OSError as error:
        leash.close()
        raise GateError(f"nobody is at {place} ({error.strerror})") from error
    return leash


def _received(leash: socket.socket) -> list[socket.socket]:
    """Receive the two sockets, which started programs do not inherit."""
    size = struct.calcsize("2i")
    _, parts, _, _ = leash.recvmsg(1, socket.CMSG_SPACE(size), socket.MSG_CMSG_CLOEXEC)
    for level, kind, passed in parts:
        if (level, kind, len(passed)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, size):
            return [socket.socket(fileno=each) for each in struct.unpack("2i", passed)]
    raise ValueError("the connection ended")
