"""Where a front leads: the servers behind it, their shares of the requests, and what opens it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.testing.offline.heads import bearer_of, field_of, holds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["VERSION_FIELD", "Limits", "QueueTimeoutError", "Route", "Target"]

VERSION_FIELD: Final = b"azureml-model-deployment"
"""The header field that names a version: in a request the one to ask, in an answer who gave it."""


class QueueTimeoutError(Exception):
    """A request waited for its turn as long as it may."""


@dataclass(frozen=True)
class Limits:
    """What a router allows the requests to one target.

    Parameters
    ----------
    at_once : int
        How many it passes on at the same time.
    wait_s : float
        How long a further one waits for its turn, in seconds.
    timeout_s : float
        How long an answer may take to begin, in seconds.
    """

    at_once: int
    wait_s: float
    timeout_s: float


@dataclass(eq=False)
class Target:
    """A server behind a front.

    Parameters
    ----------
    address : tuple[str, int]
        Its host and port.
    version : str
        How the endpoint calls it, if it is one of several versions.
    share : float
        Its part of the requests, relative to those of the other targets.
    limits : Limits, optional
        What it is spared.
    credit : float
        How much of its share it has not had yet.
    """

    address: tuple[str, int]
    version: str = ""
    share: float = 1.0
    limits: Limits | None = None
    credit: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.limits.at_once) if self.limits else None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Let the body run when it is its turn.

        Raises
        ------
        QueueTimeoutError
            If that takes longer than it may.
        """
        if self._turns is None or self.limits is None:
            yield
            return
        try:
            await asyncio.wait_for(self._turns.acquire(), self.limits.wait_s)
        except asyncio.TimeoutError:
            raise QueueTimeoutError from None
        try:
            yield
        finally:
            self._turns.release()


@dataclass(frozen=True)
class Route:
    """Where a front leads, and who may go there.

    Parameters
    ----------
    targets : tuple[Target, ...]
        The servers behind it; none, and it leads nowhere.
    keys : tuple[bytes, ...]
        Any of which opens it.
    takes_token : Callable[[bytes], bool], optional
        Whether a bearer token opens it, where tokens do.
    origins : frozenset[str]
        The web pages that may ask it without a key, such as ``"http://localhost:3000"``; ``"*"``
        is any.
    prefix : bytes
        What the path of a request begins with, and the servers behind do not get to see.
    is_router : bool
        Whether it answers in the place of a server that cannot, as Kubernetes' router does.
    """

    targets: tuple[Target, ...] = ()
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    takes_token: Callable[[bytes], bool] | None = field(default=None, repr=False)
    origins: frozenset[str] = frozenset()
    prefix: bytes = b""
    is_router: bool = False

    @property
    def is_locked(self) -> bool:
        """Whether a request needs a key or a token."""
        return bool(self.keys) or self.takes_token is not None

    def admits(self, head: bytes) -> bool:
        """Return whether the head of a request has what opens this."""
        if not self.is_locked or holds(head, self.keys, field=b"authorization", kind=b"bearer"):
            return True
        token = bearer_of(head)
        return token is not None and self.takes_token is not None and self.takes_token(token)

    def choose(self, head: bytes) -> Target | None:
        """Return the target that a request goes to.

        Of several versions it is the one that the request names; otherwise they take turns, by
        smooth weighted round robin: among any 100 requests in a row, one with a share of 10 % gets
        10.
        """
        named = field_of(head, VERSION_FIELD)
        if named and any(each.version for each in self.targets):
            fits = (each for each in self.targets if each.version.encode() == named)
            return next(fits, None)
        return _next_by_share([each for each in self.targets if each.share > 0])


def _next_by_share(targets: list[Target]) -> Target | None:
    """Choose one, as nginx does it among servers with weights."""
    if not targets:
        return None
    for each in targets:
        each.credit += each.share
    chosen = max(targets, key=lambda each: each.credit)
    chosen.credit -= sum(each.share for each in targets)
    return chosen
