"""Control the router process in front of two releases."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from modelship.evaluation.extras import needs_extra
from modelship.routing.children import start_child
from modelship.routing.figures import Figures, of_document

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Router", "RouterLostError", "Traffic", "require_router"]

_CHILD: Final = "modelship.routing.router_child"
_START_S: Final = 30.0
_ANSWER_S: Final = 15.0
_END_S: Final = 60.0  # longer than its drain
_LOG_SHOWN: Final = 2000


class RouterLostError(Exception):
    """The router has ended, or does not respond. The message has its output."""


@dataclass(frozen=True)
class Traffic:
    """The figures of two releases since the router started.

    Parameters
    ----------
    old, new : Figures
        The figures of the requests that clients sent.
    copies : Figures
        The figures of their copies.
    is_copying_lost : bool
        Whether the process that sends copies has ended unexpectedly.
    """

    old: Figures
    new: Figures
    copies: Figures
    is_copying_lost: bool

    def since(self, earlier: Traffic) -> Traffic:
        """Return the difference from `earlier`."""
        return Traffic(
            old=self.old.since(earlier.old),
            new=self.new.since(earlier.new),
            copies=self.copies.since(earlier.copies),
            is_copying_lost=self.is_copying_lost,
        )

    @property
    def compared(self) -> Figures:
        """The figures of the new release, with the comparison of its responses to the old one's."""
        found = self.copies
        return replace(
            self.new, compared=found.compared, differing=found.differing, dropped=found.dropped
        )


def require_router() -> None:
    """Raise MissingExtraError if the packages of the router are not installed."""
    with needs_extra("rollout", purpose="A canary or a shadow"):
        import aiohttp  # noqa: F401 - asked for here, before anything is built


class Router:
    """A running router. Its starter has to stop it: with :meth:`end`, or else :meth:`kill`.

    It ends by itself if this process dies: then all requests go to the old release, and the held
    connections are closed.

    Attributes
    ----------
    origins : Mapping[str, str]
        ``http://host:port`` of the ``"old"`` and the ``"new"`` release.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        control: socket.socket,
        handover: socket.socket,
        log: IO[bytes],
        origins: Mapping[str, str],
    ) -> None:
        self._process = process
        self._control = control
        self._handover = handover
        self._answers = control.makefile("rb")
        self._log = log
        self._number = 0
        self.origins = origins

    @classmethod
    def start(cls, listener: socket.socket, *, old: str, new: str) -> Router:
        """Start a router that accepts on `listener`; at first all requests go to the old release.

        Parameters
        ----------
        listener : socket.socket
            The listening socket of the address; the router gets a duplicate.
        old, new : str
            The own address of each release; only scheme, host and port are used.

        Raises
        ------
        MissingExtraError
            If its packages are not installed.
        RouterLostError
            If it fails to start.
        """
        require_router()
        control, its_control = socket.socketpair()
        handover, its_handover = socket.socketpair()
        log = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the router runs
        passed = [each.fileno() for each in (listener, its_control, its_handover)]
        with its_control, its_handover:
            process = start_child(_CHILD, *map(str, passed), log=log, passed=passed)
        origins = {"old": _origin(old), "new": _origin(new)}
        router = cls(process, control=control, handover=handover, log=log, origins=origins)
        try:
            router._ask(origins, timeout_s=_START_S)
        except BaseException:
            router.kill()
            raise
        return router

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def hold(self, lease: socket.socket) -> None:
        """Have the router hold a duplicate of a connection until the router ends for any reason.

        The peer detects that by the end of the connection.
        """
        socket.send_fds(self._handover, [b"h"], [lease.fileno()])
        self._ask({"hold": True})

    def weigh(self, percent: int) -> Traffic:
        """Send `percent` of the requests to the new release from now on."""
        return self._ask({"weight": percent})

    def copy(self, settings: Mapping[str, Any] | None) -> Traffic:
        """Start sending copies of requests to the other release, or stop it."""
        return self._ask({"copy": dict(settings) if settings else None})

    def traffic(self) -> Traffic:
        """Return the figures of the releases so far."""
        return self._ask({})

    def end(self, *, winner: str) -> Traffic:
        """Stop the router: the `winner`, ``"old"`` or ``"new"``, answers the remaining requests.

        The process that takes over the address must accept there already.

        Raises
        ------
        RouterLostError
            If it has ended already.
        """
        try:
            return self._ask({"end": winner}, timeout_s=_END_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill it at once, with the requests in progress; does nothing if it has ended."""
        self._answers.close()
        self._control.close()
        self._handover.close()
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _ask(self, command: Mapping[str, Any], *, timeout_s: float = _ANSWER_S) -> Traffic:
        self._control.settimeout(timeout_s)
        self._number += 1
        numbered = {**command, "number": self._number}
        try:
            self._control.sendall(json.dumps(numbered).encode() + b"\n")
            told = self._reply()
        except OSError as error:
            raise RouterLostError(self._said() or str(error)) from error
        return Traffic(
            old=of_document(told["old"]),
            new=of_document(told["new"]),
            copies=of_document(told["copies"]),
            is_copying_lost=told["copying_has_ended"],
        )

    def _reply(self) -> Any:
        """Return the reply to the last command; an earlier one may have been interrupted."""
        while (line := self._answers.readline()).endswith(b"\n"):
            told = json.loads(line)
            if told["number"] == self._number:
                return told
        raise RouterLostError(self._said() or "it ended without any output")

    def _said(self) -> str:
        """Return the end of its output."""
        size = os.fstat(self._log.fileno()).st_size
        content = os.pread(self._log.fileno(), _LOG_SHOWN, max(0, size - _LOG_SHOWN))
        return content.decode(errors="replace").strip()


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
