"""Pass copies of requests and their responses to the shadow process.

The router only copies bytes: sending, comparing and recording happen in the shadow process, so that
no client waits for them. Its queue is bounded; when it is full, requests are not copied.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from modelship.routing.children import python_command
from modelship.routing.figures import Tally
from modelship.routing.messages import end_to_end

if TYPE_CHECKING:
    from aiohttp import web

    from modelship.routing.messages import Body, Fields, Kept

__all__ = ["Copies"]

_MOST_BODY_BYTES: Final = 1 << 20
_MOST_WAITING: Final = 64
_MOST_WAITING_BYTES: Final = 16 << 20
_ENDING_S: Final = 5.0


class Copies:
    """Sends copies of requests to the other release, while enabled.

    Attributes
    ----------
    tally : Tally
        The counts and latencies of the copies.
    has_ended : bool
        Whether the process that sends them has ended unexpectedly.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.has_ended = False
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, int] = {}
        self._number = 0

    @property
    def most_bytes(self) -> int:
        """The maximum size of a copied body; 0 while copying is disabled."""
        return _MOST_BODY_BYTES if self._child is not None else 0

    async def begin(self, settings: dict[str, Any]) -> None:
        """Start copying with these settings; see :mod:`~modelship.routing.shadow_child`."""
        await self.end()
        self.has_ended = False
        self._child = await asyncio.create_subprocess_exec(
            *python_command("modelship.routing.shadow_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=sys.stderr,
        )
        self._write(json.dumps(settings).encode() + b"\n")
        self._reading = asyncio.create_task(self._read(self._child))

    async def end(self) -> None:
        """Stop copying; requests in progress are aborted."""
        child, self._child = self._child, None
        self._waiting.clear()
        if self._reading is not None:
            self._reading.cancel()
        if child is None or child.stdin is None:
            return
        child.stdin.close()  # this ends the process
        try:
            await asyncio.wait_for(child.wait(), _ENDING_S)
        except asyncio.TimeoutError:
            child.kill()
            await child.wait()

    def offer(
        self,
        request: web.Request,
        body: Body,
        kept: Kept,
        *,
        answered_by: str,
        status: int,
        fields: Fields,
    ) -> None:
        """Copy an answered request, unless it is too large or the queue is full."""
        if self._child is None:
            return
        sent, answered = body.copy, kept.content
        if sent is None or answered is None or not self._has_room(len(sent) + len(answered)):
            self.tally.counts["dropped"] += 1
            return
        self._number += 1
        self._waiting[self._number] = len(sent) + len(answered)
        head = {
            "number": self._number,
            "answered_by": answered_by,
            "method": request.method,
            "path": request.raw_path,
            "headers": end_to_end(request.raw_headers),
            "body_bytes": len(sent),
            "status": status,
            "answer_headers": fields,
            "answer_bytes": len(answered),
        }
        self._write(json.dumps(head).encode() + b"\n" + sent + answered)

    def _has_room(self, size: int) -> bool:
        return (
            len(self._waiting) < _MOST_WAITING
            and sum(self._waiting.values()) + size <= _MOST_WAITING_BYTES
        )

    def _write(self, content: bytes) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(content)

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None  # noqa: S101 - it was asked for
        async for line in child.stdout:
            outcome = json.loads(line)
            self._waiting.pop(outcome["number"], None)
            self._count(outcome)
        self.has_ended = True
        self._child = None

    def _count(self, outcome: dict[str, Any]) -> None:
        if not outcome["status"]:
            self.tally.failed(unreachable=outcome["unreachable"])
            return
        self.tally.answered(status=outcome["status"], latency_s=outcome["latency_s"])
        self.tally.counts["compared"] += 1
        self.tally.counts["differing"] += outcome["differs"]
