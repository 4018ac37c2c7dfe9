"""Faults that a test injects into an offline workspace: at a call, or at a deployment stage."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "KEYS_REFUSED",
    "KEYS_REFUSED_MESSAGE",
    "STAGES",
    "AnyFault",
    "ClientFault",
    "Fault",
    "Faults",
    "FrontFault",
    "StageFault",
]

STAGES = ("build", "crash", "never-healthy", "out-of-memory", "reported", "stuck", "timeout")
"""What can go wrong with a deployment.

``build``
    The environment's image cannot be built.
``crash``
    The container exits repeatedly; Azure calls it CrashLoopBackOff.
``never-healthy``
    The container runs, and never answers its health check.
``out-of-memory``
    The container is killed at its memory limit.
``reported``
    Azure reports an error of its own, with a code and a message; nothing is built.
``stuck``
    The operation never ends, and the service stays Transitioning.
``timeout``
    Azure itself gives up; the operation ends TimedOut, the service Unhealthy.
"""

KEYS_REFUSED = "KeyBasedAuthenticationNotPermitted"
"""The code of storage that permits neither its key nor what the key has signed."""

KEYS_REFUSED_MESSAGE = "Key based authentication is not permitted on this storage account."
"""The message of that storage."""

MARK = "an injected fault"
"""The message of a fault that has no other."""


@dataclass
class Fault:
    """A fault of a call.

    Parameters
    ----------
    call : str
        Which calls, as patterns of their names, with a space between two: ``"services.create"``,
        ``"models.* v2-models.*"``, ``"*"``.
    status : int, optional
        Respond with this status instead of the real response.
    code, message : str
        The code and message of the error, with `status`. ``{endpoint}`` in the message becomes
        the name of the online endpoint that the call is about.
    details : tuple[dict[str, str], ...]
        The errors behind it, each with a code and a message.
    delay_s : float
        How long to wait first, in seconds.
    drop : bool
        Close the connection without a response.
    after : bool
        Process the request first, and lose only the response.
    times : int, optional
        How many calls it applies to; all of them if None.
    signed_only : bool
        Whether it spares requests with a bearer token: it applies to those that a key has signed.
    """

    call: str
    status: int | None = None
    code: str = "ServiceError"
    message: str = MARK
    details: tuple[dict[str, str], ...] = ()
    delay_s: float = 0.0
    drop: bool = False
    after: bool = False
    times: int | None = 1
    signed_only: bool = False


@dataclass
class StageFault:
    """A fault of the next deployments.

    Parameters
    ----------
    stage : str
        One of :data:`STAGES`.
    service : str
        The services that it applies to, as a pattern of their names.
    times : int, optional
        How many deployments it applies to; all of them if None.
    code, message : str
        The code and message of the error, for ``reported``.
    """

    stage: Literal[
        "build", "crash", "never-healthy", "out-of-memory", "reported", "stuck", "timeout"
    ]
    service: str = "*"
    times: int | None = 1
    code: str = "ServiceError"
    message: str = MARK


@dataclass
class FrontFault:
    """A fault of the front of a managed online endpoint: it answers the next requests itself.

    Parameters
    ----------
    status : int
        404, 408, 424 or 429.
    endpoint : str
        The endpoints that it applies to, as a pattern of their names.
    times : int, optional
        How many requests it applies to; all of them if None.
    """

    status: Literal[404, 408, 424, 429]
    endpoint: str = "*"
    times: int | None = 1


@dataclass
class ClientFault:
    """A fault of the Python environment of a client, before it sends a request.

    Processes that are started with the variables of the workspace meet it, until the faults are
    cleared.

    Parameters
    ----------
    package : str
        ``"marshmallow"``: it lacks what release 4 has removed.
    times : int, optional
        Not counted; None or more than 0.
    """

    package: Literal["marshmallow"]
    times: int | None = None


AnyFault: TypeAlias = "Fault | StageFault | FrontFault | ClientFault"
_Planted = TypeVar("_Planted", Fault, StageFault, FrontFault)


class Faults:
    """The injected faults; the first matching one applies to each call and each deployment."""

    def __init__(self) -> None:
        self._planted: list[AnyFault] = []
        self._lock = threading.Lock()

    def plant(self, fault: AnyFault) -> None:
        """Add a fault."""
        with self._lock:
            self._planted.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._planted.clear()

    def of_call(self, name: str, *, by_token: bool = True) -> Fault | None:
        """Return the fault that applies to this call, and count it.

        Parameters
        ----------
        name : str
            The name of the call.
        by_token : bool
            Whether the request has a bearer token.
        """
        return self._meet(
            Fault,
            lambda fault: _fits(name, fault.call) and not (fault.signed_only and by_token),
        )

    def of_deployment(self, service: str) -> StageFault | None:
        """Return the fault that applies to this deployment, and count it."""
        return self._meet(StageFault, lambda fault: fnmatch.fnmatchcase(service, fault.service))

    def of_front(self, endpoint: str) -> FrontFault | None:
        """Return the fault that applies to this request at an endpoint, and count it."""
        return self._meet(FrontFault, lambda fault: fnmatch.fnmatchcase(endpoint, fault.endpoint))

    def of_client(self) -> ClientFault | None:
        """Return the fault of the environment of clients."""
        with self._lock:
            return next((each for each in self._planted if isinstance(each, ClientFault)), None)

    def _meet(self, kind: type[_Planted], fits: Callable[[_Planted], bool]) -> _Planted | None:
        with self._lock:
            for fault in self._planted:
                if isinstance(fault, kind) and fits(fault) and fault.times != 0:
                    fault.times = fault.times and fault.times - 1
                    return fault
        return None


def _fits(name: str, patterns: str) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for each in patterns.split())
