"""What comes to a gate at once, between two looks at it, has one outcome, whatever its order."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from modelship.server.address_gate import Gate
from modelship.targets import address


class _Held:
    """A gate in this process, its deployer's connection, and the folder with its commands."""

    def __init__(self, folder, opened):
        self.folder = folder
        self._opened = opened
        ours, self.leash = map(opened.enter_context, socket.socketpair())
        with address.calls_in(folder) as commands:
            self.gate = Gate(address.listen(None), commands=commands.dup(), leash=ours)
        opened.callback(self.gate.close)

    def send(self, command):
        """Return the connection over which a command was sent."""
        call = self._opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        address._ask(call, self.folder, command)
        return call

    def is_heard(self, call, command):
        call.settimeout(20)
        return call.recv(len(command)) == command


@pytest.fixture
def held(tmp_path):
    with ExitStack() as opened:
        yield _Held(tmp_path, opened)


@pytest.mark.parametrize("is_called_before", [True, False])
def test_an_instance_that_was_told_to_serve_outlives_its_deployer(held, is_called_before):
    """The deployer is killed when it has sent the command, and before it was handled."""
    call = held.send(b"" if is_called_before else b"on")
    if is_called_before:
        held.gate.look()
        call.sendall(b"on")
    held.leash.close()
    held.gate.look()
    assert held.is_heard(call, b"on")
    assert held.gate.is_open
    assert not held.gate.is_forsaken


def test_an_instance_that_was_never_told_to_serve_is_forsaken(held):
    """Other commands do not make it one that serves."""
    held.send(b"address")
    held.leash.close()
    held.gate.look()
    assert held.gate.is_forsaken


def test_the_end_of_a_loan_changes_nothing_for_who_is_told_off_with_it(held):
    """The gate stays closed, in whichever order both are handled."""
    held.send(b"on")
    held.gate.look()
    lease = held.send(b"lend")
    held.gate.look()
    assert held.is_heard(lease, b"lend")
    call = held.send(b"")
    held.gate.look()
    call.sendall(b"off")
    lease.close()
    held.gate.look()
    assert held.is_heard(call, b"off")
    assert not held.gate.is_open


def test_a_caller_that_is_hung_up_on_may_have_spoken(held):
    """Of more callers than there may be, the oldest is left, also as it begins to speak."""
    silent = [held.send(b"") for _ in range(16)]
    held.gate.look()
    held.send(b"on")
    silent[0].sendall(b"off")
    held.gate.look()
    assert held.gate.is_open
