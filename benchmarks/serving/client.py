"""An HTTP client that counts what became of each request; the load of the fault runs.

wrk does not tell which requests were sent and never answered, so this one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Exchange", "Probe", "SteadyLoad", "ask", "head", "read_answer"]

RETRY_S = 0.02
PROBE_S = 0.1
FAILURES = (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError, EOFError)


@dataclass(frozen=True)
class Exchange:
    """One request that was sent, and what became of it.

    Parameters
    ----------
    sent_s : float
        When its last byte was handed over, by `time.perf_counter`.
    took_s : float
        Until the answer, or until there was none to come.
    status : int
        The answer's status; 0 if there was no answer.
    is_first : bool
        Whether it was the first on its connection.
    """

    sent_s: float
    took_s: float
    status: int
    is_first: bool


def head(path: str, *, length: int, content_type: str = "application/json") -> bytes:
    """Return the head of a POST request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Return status, body, and whether the connection stays open."""
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
    body = await reader.readexactly(int(fields.get(b"content-length", 0)))
    return int(lines[0].split()[1]), body, fields.get(b"connection") != b"close"


async def ask(port: int, request: bytes, *, timeout_s: float) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return status and body; 0 if none came."""
    with contextlib.suppress(*FAILURES):
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                # A server that refuses a long body answers before it has read it.
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                status, body, _ = await read_answer(reader)
                return status, body
            finally:
                writer.close()
    return 0, b""


@dataclass
class SteadyLoad:
    """Connections that send one request after the other, each waiting for its answer."""

    port: int
    request: bytes
    timeout_s: float = 30.0
    exchanges: list[Exchange] = field(default_factory=list)
    refused: int = 0
    _stopped: bool = False

    async def run(self, *, clients: int, fresh: int = 0) -> None:
        """Send until :meth:`stop` is called; then wait for what was sent.

        `clients` keep their connection, and `fresh` others make a new one for each request.
        """
        kept = [True] * clients + [False] * fresh
        await asyncio.gather(*(self._connection(keeps=each) for each in kept))

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped = True

    def lost(self, *, before_s: float = float("inf")) -> int:
        """Return how many requests were sent before a moment and never answered."""
        return sum(each.status == 0 and each.sent_s < before_s for each in self.exchanges)

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered; 0 counts what was not answered."""
        return Counter(each.status for each in self.exchanges)

    async def _connection(self, *, keeps: bool) -> None:
        while not self._stopped:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                self.refused += 1
                await asyncio.sleep(RETRY_S)
                continue
            is_open = await self._exchange(reader, writer, is_first=True)
            while keeps and is_open and not self._stopped:
                is_open = await self._exchange(reader, writer, is_first=False)
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_first: bool
    ) -> bool:
        """Send one request, note what became of it; return whether the connection stays."""
        status, is_open = 0, False
        sent_s = time.perf_counter()
        with contextlib.suppress(*FAILURES):
            writer.write(self.request)
            await writer.drain()
            async with asyncio.timeout(self.timeout_s):
                status, _, is_open = await read_answer(reader)
        self.exchanges.append(Exchange(sent_s, time.perf_counter() - sent_s, status, is_first))
        return is_open


@dataclass
class Probe:
    """Asks for the server's health ten times a second, on a new connection each time."""

    port: int
    timeout_s: float = 20.0
    times_s: list[float] = field(default_factory=list)
    failures: int = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            started_s = time.perf_counter()
            request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            status, _ = await ask(self.port, request, timeout_s=self.timeout_s)
            self.times_s.append(time.perf_counter() - started_s)
            self.failures += status != 200
            await asyncio.sleep(PROBE_S)

    @property
    def worst_s(self) -> float:
        """The longest time of an answer, or of waiting without an answer."""
        return max(self.times_s, default=0.0)
