"""Clients that ask a service without end, in a process of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Load"]

_CLIENTS = 8
_TIMEOUT_S = 30.0
_BODY = b'{"data": [1, 2, 3]}'
_REQUEST = (
    b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n%s\r\n%s"
)


class Load:
    """Eight clients of one port, each with its next request as soon as it is answered.

    Parameters
    ----------
    port : int
        Where they ask.
    kept : bool
        Whether they keep their connections.

    Attributes
    ----------
    counted : Counter
        How many requests had which status, or what else became of them. Known afterwards.
    took : list of (float, float)
        When each was answered, as time.monotonic() says, and after how many seconds.
    """

    def __init__(self, port: int, *, kept: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.counted: Counter[str] = Counter()
        self.took: list[tuple[float, float]] = []
        self._done, self._told = context.Event(), context.Queue()
        self._process = context.Process(
            target=_ask_until, args=(port, kept, self._done, self._told), daemon=True
        )

    def __enter__(self) -> Self:
        self._process.start()
        self._told.get(timeout=_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.counted, self.took = self._told.get(timeout=2 * _TIMEOUT_S)
        self._process.join(_TIMEOUT_S)


def _ask_until(port: int, kept: bool, done: Any, told: Any) -> None:  # noqa: FBT001 - of a process
    counted: Counter[str] = Counter()
    took: list[tuple[float, float]] = []

    async def all_clients() -> None:
        ended = asyncio.Event()
        asking = [
            asyncio.create_task(_ask(port, kept, counted, took, ended)) for _ in range(_CLIENTS)
        ]
        await asyncio.to_thread(done.wait)
        ended.set()
        await asyncio.wait(asking, timeout=_TIMEOUT_S)

    told.put("ready")
    asyncio.run(all_clients())
    told.put((counted, took))


async def _ask(
    port: int,
    kept: bool,  # noqa: FBT001 - as above
    counted: Counter[str],
    took: list[tuple[float, float]],
    ended: asyncio.Event,
) -> None:
    request = _REQUEST % (len(_BODY), b"" if kept else b"Connection: close\r\n", _BODY)
    while not ended.is_set():
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            counted[repr(error)] += 1
            continue
        stays = True
        while stays and not ended.is_set():
            try:
                stays = await _answered(reader, writer, request, counted)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                counted[repr(error)] += 1
                break
            took.append((time.monotonic(), time.monotonic() - began))
            began = time.monotonic()
        writer.close()


async def _answered(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    counted: Counter[str],
) -> bool:
    """Send a request, count its answer, and return whether the connection stays."""
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _TIMEOUT_S)
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    counted[head.split()[1].decode()] += 1
    return b"connection: close" not in (head + request).lower()
