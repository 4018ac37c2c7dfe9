"""Send copies of requests to the new release, and compare the responses.

Its input is a line of settings, then for each copy a line of JSON followed by the request's body
and the response's body. For each copy it writes a line with the outcome, and it records requests
that were answered differently in a bounded, private file. It ends with its input, so it never
outlives the router.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from modelship.comparison import PlaceAnswer, ScoringRequest
from modelship.comparison.differences import differences
from modelship.routing.forwarding import NEW, OLD, session
from modelship.server.capture_line import FailedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.comparison import Difference
    from modelship.routing.messages import Fields

_MOST_BODY_BYTES: Final = 1 << 18
_MOST_BYTES: Final = 16 << 20
_ANSWER_BYTES: Final = 4096


@dataclass(frozen=True)
class Copied:
    """A request with the response that its client got.

    Parameters
    ----------
    method, path, headers, body
        Those of the request; the path with its query, unchanged.
    status, answer_headers, answer
        The answer's.
    """

    method: str
    path: str
    headers: Fields
    body: bytes
    status: int
    answer_headers: Fields
    answer: bytes

    @property
    def request_id(self) -> str:
        """The request's id from the headers; ``""`` if there is none."""
        given = {name.lower(): value for name, value in (*self.headers, *self.answer_headers)}
        return given.get("x-request-id", "") or given.get("x-ms-request-id", "")


class Recording:
    """The file, in the format of the server's captures, with the differences added.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    most : int
        The maximum number of requests.

    Raises
    ------
    OSError
        If the file cannot be created.
    """

    def __init__(self, path: Path, *, most: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = open(os.open(path, flags, 0o600), "wb", buffering=0)  # noqa: PTH123, SIM115 - open for as long as this lives
        self._left = most
        self._left_bytes = _MOST_BYTES

    def add(self, copied: Copied, differences: Sequence[Difference]) -> None:
        """Record a request, unless the file or the disk is full."""
        line = _line(copied, differences)
        if not self._left or len(line) > self._left_bytes:
            return
        try:
            self._file.write(line)
        except OSError:
            self._left = 0
            return
        self._left -= 1
        self._left_bytes -= len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _line(copied: Copied, differences: Sequence[Difference]) -> bytes:
    path, _, query = copied.path.partition("?")
    captured = FailedRequest(
        at_ns=time.time_ns(),
        duration_s=0.0,
        method=copied.method,
        path=unquote_to_bytes(path).decode(errors="surrogateescape"),
        query=query.encode(errors="surrogateescape"),
        fields={name.lower().encode(): value.encode() for name, value in copied.headers},
        body=copied.body[:_MOST_BODY_BYTES],
        body_size_bytes=len(copied.body),
        request_id=copied.request_id,
        status=copied.status,
        head=b"",
        answer=copied.answer[:_ANSWER_BYTES],
        answer_size_bytes=len(copied.answer),
        cause="",
    )
    document = json.loads(captured.line())
    document["captured"]["differences"] = [
        {"what": each.what, "where": each.where, **each.values} for each in differences
    ]
    return json.dumps(document).encode() + b"\n"


_MOST_LINE_BYTES: Final = 1 << 22
_ANSWER_TIMEOUT_S: Final = 120.0
_NICE: Final = 10
_COMPARED: Final = frozenset({"content-type", "x-ms-run-function-failed"})
"""The headers that are compared; ids and the server's version are not."""


class _Shadow:
    """Sends copies, several at once."""

    def __init__(self, settings: dict[str, Any], client: aiohttp.ClientSession) -> None:
        self._origins = settings["origins"]
        self._tolerance = settings["tolerance"]
        self._turn = asyncio.Semaphore(settings["concurrency"])
        self._client = client
        self._recording = _recording(settings)

    async def copy(self, number: int, answered_by: str, copied: Copied) -> None:
        """Send one copy, and write its outcome."""
        async with self._turn:
            outcome = await self._outcome(answered_by, copied)
        line = json.dumps({"number": number, **outcome})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    async def _outcome(self, answered_by: str, copied: Copied) -> dict[str, Any]:
        other = OLD if answered_by == NEW else NEW
        began_at = asyncio.get_running_loop().time()
        try:
            answer = await self._send(f"{self._origins[other]}{copied.path}", copied)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            refused = isinstance(getattr(error, "os_error", error), ConnectionRefusedError)
            return {"status": 0, "unreachable": refused}
        latency_s = asyncio.get_running_loop().time() - began_at
        given = _answer(copied.status, copied.answer_headers, copied.answer)
        found = self._differences(copied, {answered_by: given, other: answer})
        if found and self._recording is not None:
            self._recording.add(copied, found)
        return {"status": answer.status, "latency_s": latency_s, "differs": bool(found)}

    async def _send(self, uri: str, copied: Copied) -> PlaceAnswer:
        async with self._client.request(
            copied.method,
            URL(uri, encoded=True),
            headers=CIMultiDict(copied.headers),
            data=copied.body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S),
        ) as response:
            body = await response.read()
            headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in response.raw_headers
            ]
            return _answer(response.status, headers, body)

    def _differences(self, copied: Copied, answers: dict[str, PlaceAnswer]) -> list[Difference]:
        label = f"{copied.method} {copied.path.partition('?')[0]} {copied.request_id}".rstrip()
        in_order = {OLD: answers[OLD], NEW: answers[NEW]}
        return [*differences(ScoringRequest(label), in_order, tolerance=self._tolerance)]


def _answer(status: int, headers: list[tuple[str, str]], body: bytes) -> PlaceAnswer:
    return PlaceAnswer.of(status, [each for each in headers if each[0].lower() in _COMPARED], body)


def _recording(settings: dict[str, Any]) -> Recording | None:
    try:
        return Recording(Path(settings["record"]), most=settings["most_recorded"])
    except OSError as error:
        print(f"{settings['record']} cannot be written: {error}", file=sys.stderr)  # noqa: T201 - the router's log
        return None


async def _input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_MOST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _main() -> None:
    reader = await _input()
    settings = json.loads(await reader.readline())
    async with session() as client:
        shadow = _Shadow(settings, client)
        under_way: set[asyncio.Task[None]] = set()
        while line := await reader.readline():
            head = json.loads(line)
            copied = Copied(
                method=head["method"],
                path=head["path"],
                headers=[(name, value) for name, value in head["headers"]],
                body=await reader.readexactly(head["body_bytes"]),
                status=head["status"],
                answer_headers=[(name, value) for name, value in head["answer_headers"]],
                answer=await reader.readexactly(head["answer_bytes"]),
            )
            task = asyncio.create_task(shadow.copy(head["number"], head["answered_by"], copied))
            under_way.add(task)
            task.add_done_callback(under_way.discard)


if __name__ == "__main__":
    os.nice(_NICE)
    asyncio.run(_main())
