"""Clients that ask without end, and count what became of each request."""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections import Counter

__all__ = ["asked_while"]

_TIMEOUT_S = 30.0
_SOON_S = 0.2  # a service that ends waits for 0.3 s


def asked_while(doing, *, port, clients=8, kept=True, tls=None, ends=True):
    """Return how many requests had which status while `doing()` ran; "lost" got no answer.

    It begins when a request was answered. Each client stops when it is refused: then it had no
    connection, and nothing is lost. Where the service does not end, they stop afterwards.

    A service that ends waits a moment for the request of a connection. A client that the machine
    has held up for longer has no claim: that of a new connection is not counted, and before a
    further one it looks whether its connection is still there.
    """
    counted = asyncio.run(_asked_while(doing, port, clients, kept, tls, ends))
    return {what: count for what, count in counted.items() if what != "late"}


async def _asked_while(doing, port, clients, kept, tls, ends):
    counted: Counter[str] = Counter()
    done = asyncio.Event()
    asking = [asyncio.create_task(_ask(port, kept, tls, counted, done)) for _ in range(clients)]
    await asyncio.wait_for(_first_answer(counted), _TIMEOUT_S)
    await asyncio.to_thread(doing)
    await asyncio.wait(asking, timeout=_TIMEOUT_S if ends else 0)
    done.set()
    await asyncio.wait(asking, timeout=_TIMEOUT_S)
    return counted


async def _first_answer(counted):
    while not counted["200"]:  # noqa: ASYNC110 - a count has no event
        await asyncio.sleep(0.01)


async def _ask(port, kept, tls, counted, done):
    request = b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n%s\r\n{}"
    request %= b"" if kept else b"Connection: close\r\n"
    while not done.is_set():
        began_s = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        except ConnectionRefusedError:
            counted["refused"] += 1
            return
        except OSError:  # accepted, and ended before the handshake
            counted["lost"] += 1
            continue
        with contextlib.closing(writer):
            lost = "late" if time.monotonic() - began_s > _SOON_S else "lost"
            while await _answered(reader, writer, request, counted, lost=lost):
                lost = "lost"
                if done.is_set() or _has_ended(writer):
                    break


def _has_ended(writer):
    """Return whether the server has ended the connection, which was idle for long enough."""
    ended = select.poll()
    ended.register(writer.get_extra_info("socket"), select.POLLRDHUP)
    return bool(ended.poll(0))


async def _answered(reader, writer, request, counted, *, lost):
    """Send a request, count its answer, and return whether the connection stays."""
    try:
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _TIMEOUT_S)
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        counted[lost] += 1
        return False
    counted[head.split()[1].decode()] += 1
    return b"connection: close" not in head.lower() and b"Connection: close" not in request
