"""Flask's side of a request: only for scripts that import flask, which the contract lets them.

Azure ML's server is a flask application, so a script may use ``flask.request`` or ``jsonify``, and
what run() returns may be a flask response.
"""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from .contract import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .contract import Request

__all__ = ["as_answer", "in_use", "request_context"]

_OWN_KEYS = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def in_use() -> bool:
    """Tell whether anything has imported flask; if not, no script can tell that it is not there."""
    return "flask" in sys.modules


def request_context(request: Request) -> AbstractContextManager[Any]:
    """Return the context in which run() finds the flask request."""
    return _application().request_context(_environ(request)) if in_use() else nullcontext()


def as_answer(value: Any, request: Request) -> Answer | None:
    """Return the answer that a flask response is; None if `value` is something else."""
    if not in_use():
        return None
    from flask import Response

    if not isinstance(value, Response):
        return None
    if value.status_code >= 500:  # noqa: PLR2004 - HTTP's own number
        value.headers["x-ms-run-function-failed"] = "True"
    parts, status, headers = value.get_wsgi_response(_environ(request))
    pairs = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers]
    code = int(status.partition(" ")[0])
    if value.is_streamed and request.method != "HEAD":
        return Answer(code, b"", pairs, parts=parts)
    return Answer(code, b"".join(parts), pairs)


@cache
def _application() -> Any:
    from flask import Flask

    return Flask("modelship_server")


def _environ(request: Request) -> dict[str, Any]:
    """Return the request as WSGI has it (PEP 3333)."""
    host = (request.header(b"host") or b"localhost").decode("latin-1")
    name, _, port = host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": name,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
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
    add: Callable[[str, str], None] = lambda key, text: environ.update(  # noqa: E731 - one line, used below
        {key: f"{environ[key]},{text}" if key in environ else text}
    )
    for each, value in request.headers:
        text = value.decode("latin-1")
        if each in _OWN_KEYS:
            environ[_OWN_KEYS[each]] = text
        elif b"_" not in each:
            add("HTTP_" + each.decode("latin-1").upper().replace("-", "_"), text)
    return environ
