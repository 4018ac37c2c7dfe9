"""Run slow calls of an engine, such as a pull or a build, with a deadline."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from modelship.progress import Deadline

__all__ = ["follow"]

_GRACE_S = 5
_SHORTEST_WAIT_S = 1.0
_LINES_KEPT = 40


def follow(
    api: Any,
    path: str,
    *,
    params: Mapping[str, Any],
    headers: Mapping[str, str],
    deadline: Deadline,
    data: Iterable[bytes] = (),
    method: str = "POST",
) -> tuple[str, str]:
    """Run a slow call, and return the end of its log, or the id that it answers, and the error.

    The SDK's own functions for such calls cannot be stopped: they wait without a timeout, and on an
    interrupt keep the connection, and with it the build. This function has stopped the engine when
    it raises, so the caller can clean up.
    """
    import requests

    deadline.check()
    try:
        with (
            api.request(
                method,
                f"{api.base_url}/v{api.api_version}{path}",
                params=params,
                headers=headers,
                data=_until(deadline, data),
                stream=True,
                timeout=max(deadline.remaining_s, _SHORTEST_WAIT_S),
            ) as response,
            _stopped_with(response),
        ):
            return _read_log(response, deadline)
    except requests.RequestException:
        deadline.check()
        raise


def _until(deadline: Deadline, data: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in data:
        deadline.check()
        yield chunk


@contextmanager
def _stopped_with(response: Any) -> Iterator[None]:
    """Run the body; if it fails or is interrupted, make the engine stop the request.

    The engine stops when the connection is closed, but not immediately: the current step of a build
    still becomes an image. So only the sending half is closed, and this function waits a while for
    the end of the response.
    """
    # A separate descriptor, since the reader of the response closes the other one on failure.
    with socket.socket(fileno=os.dup(response.raw.fileno())) as connection:
        try:
            yield
        except BaseException:
            end_s = time.monotonic() + _GRACE_S
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(_GRACE_S)
                while time.monotonic() < end_s and connection.recv(65536):
                    pass
            raise


def _read_log(response: Any, deadline: Deadline) -> tuple[str, str]:
    if not response.ok:
        return "", str(response.json().get("message", response.reason))
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    problem = ""
    for line in response.iter_lines():
        deadline.check()
        message = json.loads(line) if line else {}
        lines.extend(message.get("stream", message.get("Id", "")).splitlines())
        problem = message.get("error", problem)
    return "\n".join(line for line in lines if line.strip()), problem
