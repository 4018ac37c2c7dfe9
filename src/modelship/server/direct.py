"""DirectRequest: a ``POST /score`` on its way from a connection to the queue, and its answer back.

No ASGI scope, task or event is around it, which would cost several times what the queue costs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .contract import Identities, Request
from .wire import wire

if TYPE_CHECKING:
    from .contract import Answer
    from .protocol import ScoringProtocol

__all__ = ["DirectRequest", "KnownHead"]

_END_OF_HEAD = b"\r\n\r\n"


class DirectRequest(Request):
    """A ``POST /score``; beside the request, what uvicorn's protocol asks of a cycle.

    Parameters
    ----------
    protocol : ScoringProtocol
        Its connection.
    fields : dict of bytes to bytes
        Its headers, as :class:`Request` has them.
    version : str
        Of HTTP.
    keep_alive : bool
        Whether the client lets the connection stay open.
    """

    __slots__ = (
        "_protocol", "disconnected", "keep_alive", "parts", "response_complete", "size", "whole",
    )  # fmt: skip

    method = "POST"
    path = "/score"
    query = b""

    def __init__(
        self,
        protocol: ScoringProtocol,
        fields: dict[bytes, bytes],
        version: str,
        *,
        keep_alive: bool,
    ) -> None:
        self._protocol = protocol
        self.fields = fields
        self.began_ns = time.perf_counter_ns()
        self.client = protocol.client
        self.parts: list[bytes] = []
        self.size = 0
        self.whole = self.disconnected = self.response_complete = False
        self.version = version
        self.keep_alive = keep_alive and version != "1.0"

    @property
    def message_event(self) -> Any:
        """What uvicorn sets when the connection is lost; nobody waits for it."""
        return _NO_EVENT

    def submit_parts(self) -> None:
        """Have it scored, with the body that has come in parts."""
        parts, self.parts = self.parts, []
        self.submit(parts[0] if len(parts) == 1 else b"".join(parts))

    def submit(self, body: bytes) -> None:
        """Have it scored."""
        self.body = body
        self.size = len(body)
        self.identities = Identities(self.fields)
        self._protocol.service.submit(self)

    def respond(self, answer: Answer) -> None:
        """Send the answer; one in parts is sent as they come."""
        protocol = self._protocol
        if answer.parts is not None:
            protocol.service.keep(self._stream(answer))
            return
        self.response_complete = True
        transport = protocol.transport
        if self.disconnected or transport.is_closing():
            return
        keep_alive = self.keep_alive and not answer.close and protocol.service.keeps_alive
        transport.write(wire(answer, protocol.server_state.default_headers, keep_alive=keep_alive))
        if keep_alive:
            protocol.on_response_complete()
        else:
            transport.close()

    async def _stream(self, answer: Answer) -> None:
        protocol = self._protocol
        transport = protocol.transport
        keep_alive = self.keep_alive and protocol.service.keeps_alive
        transport.write(wire(answer, protocol.server_state.default_headers, keep_alive=keep_alive))
        try:
            async for part in protocol.service.parts_of(answer):
                if self.disconnected:
                    break
                is_chunk = part and not answer.has_length
                transport.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunk else part)
                await protocol.flow.drain()
            transport.write(b"" if answer.has_length else b"0\r\n\r\n")
        except Exception:  # noqa: BLE001 - the answer cannot be taken back: the client sees it cut
            keep_alive = False
        self.response_complete = True
        if keep_alive:
            protocol.on_response_complete()
        else:
            transport.close()


class KnownHead:
    """The head of a request that came in one piece, and what was found in it.

    Clients repeat themselves: on one connection a head is often the same as the last one, to the
    byte. What was found in that holds for it too, and it need not be parsed again.

    Attributes
    ----------
    head : bytes
        All of it, with the empty line.
    size : int
        That of the whole request, with its body.
    fields : dict of bytes to bytes
        Its headers.
    """

    __slots__ = ("fields", "head", "size")

    def __init__(self, head: bytes, size: int, fields: dict[bytes, bytes]) -> None:
        self.head = head
        self.size = size
        self.fields = fields

    @staticmethod
    def of(direct: DirectRequest, data: bytes) -> KnownHead | None:
        """Return what is known of a request, if it is all of `data` and its connection stays."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        # Nothing but one head, and a body of the length that it tells: no chunk, no other request.
        if end + direct.size != len(data) or b"expect" in direct.fields or not direct.keep_alive:
            return None
        return KnownHead(data[:end], len(data), direct.fields)


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for it."""


_NO_EVENT = _NoEvent()
