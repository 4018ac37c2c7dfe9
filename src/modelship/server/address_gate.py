"""Define Gate: the listening socket of a name, served only while the instance is told to.

A name's address outlives the instances behind it: all of them hold the same listening socket, and
whichever is open takes what waits there. No connection is lost when another one takes over, and
nothing stands in the way of a request.

Whoever starts an instance hands over the socket, and one for commands, through the variable
``MODELSHIP_GATE``: ``fd:N``, a connected Unix socket, or the path of one to connect to. As long as
the gate has never been open, the end of that connection means that nobody wants the instance.

Being open is a registration in epoll(7) instances that all processes of the service share since
they were forked, so all of them see it at once.

It imports nothing but the standard library, and runs on each Python that a bundle may have: the
settings of the gunicorn below Azure ML's server load it too.
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
_MOST_CALLS = 16
_LONGEST_COMMAND = 16
_FOLLOWING_S = 5.0
"""A worker that has not followed in so long accepts nothing either: it is stuck in a run()."""
_SOON_S, _LOOKS = 0.01, 10
_SO_DETACH_FILTER = 27
_BACKLOG = 2048
_OPEN, _SHARED = range(2)


class GateError(Exception):
    """Whoever started the instance is gone already, or has handed over something else."""


class Gate:
    """An address of which a service takes connections while it is open.

    Parameters
    ----------
    address : socket
        It listens. Other instances hold it too.
    commands : socket
        A Unix socket that listens for ``on``, ``off``, ``lend`` and ``address``.
    leash : socket
        Ends when whoever started the instance does.

    Attributes
    ----------
    address : socket
        See above.
    is_forsaken : bool
        Whether whoever started the instance is gone, and the gate has never been open.
    is_followed : callable
        Returns whether all workers do as they were told last, in the first process.
    when_open, when_closed : select.epoll
        Readable while it is open, or closed, whether or not connections wait.
    """

    def __init__(
        self, address: socket.socket, *, commands: socket.socket, leash: socket.socket
    ) -> None:
        self.address = address
        self.is_forsaken = False
        self.is_followed: Callable[[], bool] = lambda: True
        self._shared = mmap.mmap(-1, 2)  # by all processes that are forked from this one
        self._waiting, self.when_open, self.when_closed = (select.epoll() for _ in range(3))
        self._readable, ending = os.pipe()
        os.close(ending)  # so that there is something to read forever: the end
        self.when_closed.register(self._readable)
        self._selector = selectors.DefaultSelector()
        self._commands = commands
        self._leash = leash
        self._calls: dict[socket.socket, tuple[bytes, float]] = {}  # what to answer, and until when
        self._loan: socket.socket | None = None  # the gate opens again when this ends
        for each, handle in ((commands, self._take_call), (leash, self._feel)):
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ, handle)
        address.setblocking(False)

    @classmethod
    def received(cls, environ: MutableMapping[str, str]) -> Gate | None:
        """Take over what the environment names; None if nobody hands over anything.

        Programs that a script starts do not see the variable.

        Raises
        ------
        GateError
            If whoever started the instance is gone.
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
        """Whether connections of the address are taken."""
        return bool(self._shared[_OPEN])

    @property
    def is_alone(self) -> bool:
        """Whether it is open, and no other instance can take what waits at the address."""
        return self.is_open and not self._shared[_SHARED]

    def fileno(self) -> int:
        """Return what can be read from while it is open and a connection waits."""
        return self._waiting.fileno()

    def accept(self) -> tuple[socket.socket, Any]:
        """Take a connection.

        Raises
        ------
        BlockingIOError
            If none waits, or the gate is closed.
        """
        if not self.is_open:
            raise BlockingIOError(errno.EAGAIN, "the gate is closed")
        return self.address.accept()

    def leave(self) -> None:
        """Leave commands to the process from which this one was forked."""
        self._selector.close()
        loans = (self._loan,) if self._loan else ()
        for each in (self._commands, self._leash, *self._calls, *loans):
            each.close()

    def close(self) -> None:
        """Let go of the address, in this process, and take no more commands."""
        self.leave()
        for each in (self._waiting, self.when_open, self.when_closed):
            each.close()
        self.address.close()

    # In the first one

    def look(self, timeout_s: float = 0.0) -> None:
        """Do what was commanded; wait for a command for so long."""
        while ready := self._selector.select(timeout_s):
            timeout_s = 0.0  # a call, and what it says, come one after the other
            for key, _ in ready:
                key.data(key.fileobj)
        for call in [*self._calls]:
            self._confirm(call)

    def wait(self, timeout_s: float) -> None:
        """Wait for a command, for so long."""
        self._selector.select(timeout_s)

    def turn(self, *, on: bool) -> None:
        """Open or close it; all processes follow at once."""
        if on == self.is_open:
            return
        if on:
            self._forget(self._leash)
            # An instance that ended may have let nobody in any more.
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
        """Say that a command has been followed, once it has."""
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
        """Open it again: whoever borrowed the address has ended, for nothing is ever sent."""
        self._end_loan()
        self.turn(on=True)

    def _end_loan(self) -> None:
        if self._loan is not None:
            self._forget(self._loan)
            self._loan = None

    def _is_soon_followed(self) -> bool:
        """Return whether all workers follow, which takes an idle one no longer than this looks."""
        for _ in range(_LOOKS):
            if self.is_followed():
                return True
            time.sleep(_SOON_S / _LOOKS)
        return self.is_followed()

    def _hang_up(self, call: socket.socket) -> None:
        del self._calls[call]
        self._forget(call)

    def _feel(self, leash: socket.socket) -> None:
        """Take note that whoever started the instance has gone; nothing is ever sent."""
        self.is_forsaken = True
        self._forget(leash)

    def _forget(self, each: socket.socket) -> None:
        if each.fileno() >= 0:
            with suppress(KeyError):
                self._selector.unregister(each)
            each.close()


def _leash(place: str) -> socket.socket | None:
    """Return the connection to whoever started the instance.

    None if there is no path: then it was handed over before, and this is another start of the same
    container, which nobody waits for.
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
    """Receive the two sockets, which no program that is started inherits."""
    size = struct.calcsize("2i")
    _, parts, _, _ = leash.recvmsg(1, socket.CMSG_SPACE(size), socket.MSG_CMSG_CLOEXEC)
    for level, kind, passed in parts:
        if (level, kind, len(passed)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, size):
            return [socket.socket(fileno=each) for each in struct.unpack("2i", passed)]
    raise ValueError("the connection ended")
