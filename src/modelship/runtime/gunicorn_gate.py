"""Serve the address of a name from the gunicorn of Azure ML's server.

This module runs in the serving environment: :mod:`modelship.targets.process.gunicorn_settings`
loads it, and in a container it is the settings file, with ``gate.py`` and ``user_settings.py`` next
to it. It imports only those files of modelship, and only the standard library otherwise.

Each worker gets one more listener. gunicorn waits for it as for its own, which works with sync and
gthread workers: they wait for an epoll(7) instance, which is readable while the gate is open and a
connection is pending. For worker classes of other kinds, which a script may set, the master process
of gunicorn forwards the connections of the gate to its own port.
"""

import importlib.util
import os
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_LOOK_EVERY_S = 5.0  # a command is handled immediately
_WAITING = ("gunicorn.workers.sync", "gunicorn.workers.gthread")
_PART_BYTES = 1 << 16
_HERE = Path(__file__).resolve()
_BESIDE = _HERE.with_name("gate.py")
_GATE = _BESIDE if _BESIDE.is_file() else _HERE.parents[1] / "server" / "address_gate.py"


def _load(name: str, path: Path) -> Any:
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_gate = _load("modelship_gate", _GATE)


class Entrance:
    """A listener for gunicorn that accepts connections while the gate is open.

    Parameters
    ----------
    own
        The listener of the instance itself, for all attributes that are not defined here.
    gate
        The gate to accept connections from.
    """

    def __init__(self, own: Any, gate: Any) -> None:
        self._own = own
        self._gate = gate

    def fileno(self) -> int:
        return int(self._gate.fileno())

    def accept(self) -> Any:
        return self._gate.accept()

    def setblocking(self, flag: int) -> None:
        """Do nothing: other instances share the socket of the address."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def keep(server: Any) -> None:
    """Receive the gate in the master process of gunicorn, and handle its commands.

    The gate is stored on the server, since the settings are read again after SIGHUP.
    """
    try:
        gate = _gate.Gate.received(os.environ)
    except _gate.GateError as error:
        raise SystemExit(f"The deploying process is gone: {error}.") from error
    if gate is not None:
        server.modelship_gate = gate
        threading.Thread(target=_keep, args=(gate,), daemon=True).start()
        if not _waits_for_all(server.worker_class):
            threading.Thread(target=_pass_on, args=(gate, server), daemon=True).start()


def pass_through(server: Any, worker: Any) -> None:
    """Let a newly forked worker accept the connections of the gate."""
    gate = getattr(server, "modelship_gate", None)
    if gate is not None:
        gate.leave()
        if _waits_for_all(type(worker)):
            worker.sockets = [*worker.sockets, Entrance(worker.sockets[0], gate)]


def _keep(gate: Any) -> None:
    while not gate.is_forsaken:
        gate.look(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _waits_for_all(worker_class: Any) -> bool:
    """Return whether workers of a class wait for any file descriptor, and accept from it."""
    return any(each.__module__ in _WAITING for each in worker_class.__mro__)


def _pass_on(gate: Any, server: Any) -> None:
    while True:
        select.select([gate], [], [])
        with suppress(OSError):  # another instance was faster
            connection, _ = gate.accept()
            there = socket.create_connection(("127.0.0.1", server.LISTENERS[0].getsockname()[1]))
            for pair in ((connection, there), (there, connection)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: Any, sink: Any) -> None:
    with suppress(OSError):
        while part := source.recv(_PART_BYTES):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__config__":  # the name that gunicorn gives its settings file
    _exporter = Path(sys.prefix) / "deferred_exporter.py"  # the setting of an image without a gate
    if _exporter.is_file():
        _load("modelship_deferred_exporter", _exporter).install()
    _user_settings = runpy.run_path(str(_HERE.with_name("user_settings.py")))
    _theirs = _user_settings["add_user_settings"](globals())

    def on_starting(server: Any) -> None:
        """Call the hook of the user's own settings, and receive the gate."""
        if "on_starting" in _theirs:
            _theirs["on_starting"](server)
        keep(server)

    def post_fork(server: Any, worker: Any) -> None:
        """Call the hook of the user's own settings, and connect the worker to the gate."""
        if "post_fork" in _theirs:
            _theirs["post_fork"](server, worker)
        pass_through(server, worker)
