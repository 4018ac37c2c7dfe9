"""The route of a front: the servers behind it, their shares, and the keys in a request's head."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

__all__ = [
    "HEAD_END",
    "VERSION_FIELD",
    "Limits",
    "Policy",
    "QueueTimeoutError",
    "Route",
    "Target",
    "field_of",
    "fields_of",
    "holds",
    "without_prefix",
]

HEAD_END = b"\r\n\r\n"
"""The end of a request's head."""

VERSION_FIELD: Final = b"azureml-model-deployment"
"""The header that names a version: the requested one, or in an answer the answering one."""


class QueueTimeoutError(Exception):
    """A request waited in the queue until its timeout."""


@dataclass(frozen=True)
class Limits:
    """The limits of a router for the requests to one target.

    Parameters
    ----------
    at_once : int
        How many requests it forwards at the same time.
    wait_s : float
        How long a further request waits in the queue, in seconds.
    timeout_s : float
        How long a response may take to begin, in seconds.
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
        The name of the version, if the endpoint has several.
    share : float
        Its share of the requests, relative to those of the other targets.
    limits : Limits, optional
        Its limits.
    credit : float
        The part of its share that is still due.
    """

    address: tuple[str, int]
    version: str = ""
    share: float = 1.0
    limits: Limits | None = None
    credit: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.limits.at_once) if self.limits else None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[], None]]:
        """Run the body when it is its turn; what it gets ends the turn earlier.

        Raises
        ------
        QueueTimeoutError
            If that takes longer than the limit.
        """
        with ExitStack() as held:
            if self._turns is not None and self.limits is not None:
                await self._await_turn(self._turns, self.limits.wait_s)
                held.callback(self._turns.release)
            yield held.close

    @staticmethod
    async def _await_turn(turns: asyncio.Semaphore, wait_s: float) -> None:
        try:
            await asyncio.wait_for(turns.acquire(), wait_s)
        except asyncio.TimeoutError:
            raise QueueTimeoutError from None


class Policy(Protocol):
    """Answers admitted requests in place of a front that only forwards bytes."""

    async def answer(
        self,
        request: bytes,
        client: socket.socket,
        target: Target | None,
        *,
        keep: Callable[[Coroutine[Any, Any, None]], None],
    ) -> bytes:
        """Return the end of the response to a request; the rest is sent already.

        Parameters
        ----------
        request : bytes
            What has been read of it, at least its head.
        client : socket.socket
            The connection to the client.
        target : Target or None
            The server that the route chooses, if any.
        keep : Callable
            Runs a coroutine after the response, until the front is closed.
        """


@dataclass(frozen=True)
class Route:
    """The servers behind a front, and who may access them.

    Parameters
    ----------
    targets : tuple[Target, ...]
        The servers behind it; without any, it routes nowhere.
    keys : tuple[bytes, ...]
        The accepted keys.
    takes_token : Callable[[bytes], bool], optional
        Whether a bearer token is valid, if tokens are used.
    origins : frozenset[str]
        The web pages that may call it without a key, such as ``"http://localhost:3000"``; ``"*"``
        is any.
    prefix : bytes
        The prefix of the request path, which is removed before the servers behind get it.
    is_router : bool
        Whether it responds in place of a server that cannot, as Kubernetes' router does.
    policy : Policy, optional
        Answers the requests that are admitted.
    """

    targets: tuple[Target, ...] = ()
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    takes_token: Callable[[bytes], bool] | None = field(default=None, repr=False)
    origins: frozenset[str] = frozenset()
    prefix: bytes = b""
    is_router: bool = False
    policy: Policy | None = None

    @property
    def is_locked(self) -> bool:
        """Whether a request needs a key or a token."""
        return bool(self.keys) or self.takes_token is not None

    def admits(self, head: bytes) -> bool:
        """Return whether the head of a request has a valid key or token."""
        if not self.is_locked or holds(head, self.keys, field=b"authorization", kind=b"bearer"):
            return True
        kind, _, token = (field_of(head, b"authorization") or b"").partition(b" ")
        checks = self.takes_token
        return kind.lower() == b"bearer" and checks is not None and checks(token.strip())

    def choose(self, head: bytes) -> Target | None:
        """Return the target for a request.

        Of several versions it is the one that the request names; otherwise they take turns, by
        smooth weighted round robin: among any 100 consecutive requests, a version with a share of
        10 % gets 10.
        """
        named = field_of(head, VERSION_FIELD)
        if named and any(each.version for each in self.targets):
            fits = (each for each in self.targets if each.version.encode() == named)
            return next(fits, None)
        return _next_by_share([each for each in self.targets if each.share > 0])


def _next_by_share(targets: list[Target]) -> Target | None:
    """Choose one, by the algorithm that nginx uses for servers with weights."""
    if not targets:
        return None
    for each in targets:
        each.credit += each.share
    chosen = max(targets, key=lambda each: each.credit)
    chosen.credit -= sum(each.share for each in targets)
    return chosen


def holds(head: bytes, secrets: Iterable[bytes], *, field: bytes, kind: bytes) -> bool:
    """Return whether a head is complete and has one of the secrets, in a field that occurs once.

    The comparison takes constant time.

    Parameters
    ----------
    head : bytes
        The request line and the header fields.
    secrets : Iterable[bytes]
        The accepted values.
    field, kind : bytes
        The field and the scheme, in lowercase: ``b"authorization"``, ``b"bearer"``.
    """
    given = field_of(head, field)
    if given is None:
        return False
    found, _, secret = given.partition(b" ")
    same = [hmac.compare_digest(secret.strip(), each) for each in secrets]
    return found.lower() == kind and any(same)


def field_of(head: bytes, field: bytes) -> bytes | None:
    """Return a header field, or None if the head is truncated or it does not occur once."""
    fields, end, _ = head.partition(HEAD_END)
    given = [value for name, value in fields_of(fields) if name == field]
    return given[0] if end and len(given) == 1 else None


def fields_of(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name, in lowercase, and the value of each header field."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip()


def without_prefix(head: bytes, prefix: bytes) -> bytes:
    """Return a head with `prefix`, such as ``b"/api"``, removed from its path."""
    line, end, rest = head.partition(b"\r\n")
    if not prefix:
        return head
    return line.replace(b" " + prefix + b"/", b" /", 1) + end + rest
