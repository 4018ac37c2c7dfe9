"""Record requests that two releases answered differently, in a bounded, private file."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from modelship.server.capture_line import FailedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelship.comparison import Difference
    from modelship.routing.messages import Fields

__all__ = ["Copied", "Recording"]

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
