"""Pass the gate of an address to a container through a read-only folder.

::

    <state>/docker/<instance id>/
        gate          where the container is told whether to serve the address
        routed        there while it does
        settings.py, gate.py, user_settings.py    what Azure ML's server needs for it

The kernel's socket is one of this machine: a request passes through no proxy of the engine.
"""

from __future__ import annotations

import select
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.server.address_gate import VARIABLE
from modelship.staging import storing
from modelship.targets.address import GATE, ROUTED, calls_in

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ENVIRONMENT", "mount", "offered", "remove", "taken"]

_PLACE: Final = "/run/modelship-gate"
_HANDOVER: Final = "handover"
_SETTINGS: Final = "settings.py"
_LOOK_EVERY_S: Final = 0.1
_SOURCE: Final = Path(__file__).parents[2]
_FILES: Final = {
    _SETTINGS: _SOURCE / "runtime" / "gunicorn_gate.py",
    "gate.py": _SOURCE / "server" / "address_gate.py",
    "user_settings.py": _SOURCE / "runtime" / "user_settings.py",
}

ENVIRONMENT: Final = {
    VARIABLE: f"{_PLACE}/{_HANDOVER}",
    "GUNICORN_CMD_ARGS": f"--config {_PLACE}/{_SETTINGS}",
}
"""The environment variables of a container with a gate."""


def mount(folder: Path) -> Mapping[str, Any]:
    """Return the mount of `folder` in a container."""
    return {"Type": "bind", "Source": str(folder), "Target": _PLACE, "ReadOnly": True}


@contextmanager
def offered(folder: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Create a container's folder; yield its sockets for commands and for the handover.

    Other users of this machine cannot access it, since its parent folder is private to this user.

    Raises
    ------
    StorageError
        If it cannot be created.
    """
    with storing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o755)
        for name, source in _FILES.items():
            shutil.copyfile(source, folder / name)
        for each in (folder, *folder.iterdir()):  # independent of the umask
            each.chmod(0o755)
    try:
        with calls_in(folder) as calls, calls_in(folder, name=_HANDOVER, mode=0o666) as handover:
            yield calls, handover
    except BaseException:
        remove(folder)
        raise
    # A restart of the same container gets nothing.
    (folder / _HANDOVER).unlink(missing_ok=True)


def taken(handover: socket.socket, *, may_come: Callable[[], bool]) -> socket.socket | None:
    """Return the connection of the container that connected for its gate.

    None if it has not, and `may_come`, which is polled, returns that it will not.
    """
    while not select.select([handover], [], [], _LOOK_EVERY_S)[0]:
        if not may_come():
            return None
    leash, _ = handover.accept()
    return leash


def remove(folder: Path) -> None:
    """Remove the folder of a container, and no other content of it.

    Its path comes from a label. A missing folder, or another user's, is no error.
    """
    with suppress(OSError):
        for name in (*_FILES, _HANDOVER, GATE, ROUTED):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
