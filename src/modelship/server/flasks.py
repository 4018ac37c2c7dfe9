"""Provide Flask's request context for scripts that import flask.

Azure ML's server is a flask application, so a script may use ``flask.request`` or ``jsonify``, and
run() may return a flask response.
"""

from __future__ import annotations

import io
import re
import sys
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from .http_contract import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from .http_contract import Request

__all__ = ["as_answer", "in_use", "request_context"]

_FIRST_STATUS, _LAST_STATUS = 200, 599
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\0\r\n]")
_SERVERS_OWN = frozenset(
    {
        *("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"),
        *("upgrade", "x-request-id", "x-ms-request-id", "x-ms-client-request-id"),
    }
)
_OWN_KEYS = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def in_use() -> bool:
    """Return whether flask has been imported; if not, no script needs it."""
    return "flask" in sys.modules


def request_context(request: Request) -> AbstractContextManager[Any]:
    """Return the request context in which run() can use ``flask.request``."""
    return _application().request_context(_environ(request)) if in_use() else nullcontext()


def as_answer(value: Any, request: Request) -> HttpAnswer | None:
    """Convert a flask response; None if `value` is something else."""
    if not in_use():
        return None
    from flask import Response

    if not isinstance(value, Response):
        return None
    if value.status_code >= 500:  # noqa: PLR2004 - HTTP's own number
        value.headers["x-ms-run-function-failed"] = "True"
    parts, _, headers = value.get_wsgi_response(_environ(request))
    head = "".join(f"{name}: {_checked(name, text)}\r\n" for name, text in _of_script(headers))
    if not _FIRST_STATUS <= value.status_code <= _LAST_STATUS:
        raise ValueError(f"{value.status_code} is no status that an answer can have")
    if value.is_streamed:
        length = dict(headers).get("Content-Length")
        head += f"content-length: {length}\r\n" if length else ""
        made = () if request.method == "HEAD" else parts
        has_length = length is not None
        return HttpAnswer(
            value.status_code, b"", head.encode("latin-1"), parts=made, has_length=has_length
        )
    return HttpAnswer(value.status_code, b"".join(parts), head.encode("latin-1"))


def _of_script(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Return a response's headers without those that the server sets."""
    return ((name, text) for name, text in headers if name.lower() not in _SERVERS_OWN)


def _checked(name: str, text: str) -> str:
    """Return the value of a header if it can be sent (RFC 9110, section 5).

    Raises
    ------
    ValueError
        If it or its name is invalid.
    """
    if not _TOKEN.fullmatch(name) or _BREAKS.search(text):
        raise ValueError(f"a header cannot be {name!r} with the value {text!r}")
    return text


@cache
def _application() -> Any:
    from flask import Flask

    return Flask("modelship_server")


def _environ(request: Request) -> dict[str, Any]:
    """Return the WSGI environment of the request (PEP 3333)."""
    host = request.fields.get(b"host", b"localhost").decode("latin-1")
    name, _, port = host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": name,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": request.client[0] if request.client else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for each, value in request.fields.items():
        key = each.decode("latin-1").upper().replace("-", "_")
        environ[_OWN_KEYS.get(each, f"HTTP_{key}")] = value.decode("latin-1")
    return environ
