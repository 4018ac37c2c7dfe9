"""Read requests from a file."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from modelship.comparison.scoring_request import ScoringRequest
from modelship.documents import DocumentError
from modelship.errors import InvalidOptionError
from modelship.texts import as_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_request", "read_requests"]

_KEYS: Final = {"label", "method", "path", "headers", "body", "body_base64"}
_LINES: Final = ({"request"}, {"request", "captured"})
_EXPECTED: Final = (
    'one JSON payload a line; or {"request": {…}} with any of label, method, path, headers and '
    "body (text) or body_base64"
)


def read_requests(path: Path) -> tuple[ScoringRequest, ...]:
    """Read requests: a payload from a ``.json`` file, or one from each line of any other.

    A line is a JSON payload; or an object whose only key is ``request``, for a request that is not
    just a payload: ``{"request": {"method": "GET", "path": "/score?x=1"}}``. Its ``body`` is text,
    sent as UTF-8; alternatively ``body_base64`` may hold any bytes. A file of captured failed
    requests has this format too.

    Raises
    ------
    InvalidOptionError
        If the file cannot be read or holds no request, or a line has another format; the message
        has its number.
    """
    try:
        text = as_text(path.read_bytes())
    except OSError as error:
        raise InvalidOptionError("requests", str(path), "a file that can be read") from error
    except DocumentError as error:
        expected = f"UTF-8 text, but {error}"
        raise InvalidOptionError("requests", str(path), expected) from error
    if path.suffix == ".json":
        return (_read(text, label=path.name, where=str(path)),)
    found = tuple(
        _read(line, label=f"line {number}", where=f"{path}:{number}")
        for number, line in enumerate(
            re.split("\r\n|\r|\n", text), start=1
        )  # JSON may hold other line breaks
        if line.strip()
    )
    if not found:
        raise InvalidOptionError("requests", str(path), f"a file with {_EXPECTED}")
    return found


def _read(text: str, *, label: str, where: str) -> ScoringRequest:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOptionError(where, text[:80], _EXPECTED) from error
    if isinstance(payload, dict) and payload.keys() in _LINES:
        if _is_cut(payload):
            raise InvalidOptionError(
                where, "a body that was cut when it was captured", "requests with whole bodies"
            )
        return read_request(payload["request"], label=label, where=where)
    return ScoringRequest(label, text.strip().encode())


def _is_cut(payload: dict[str, Any]) -> bool:
    captured = payload.get("captured")
    return isinstance(captured, dict) and bool(captured.get("body_cut"))


def read_request(given: Any, *, label: str, where: str) -> ScoringRequest:
    """Return the request that a JSON object describes.

    Parameters
    ----------
    given : Any
        The value of the key ``request``.
    label : str
        Its label if it has none of its own.
    where : str
        Where it was read, for error messages.

    Raises
    ------
    InvalidOptionError
        If it does not describe a request.
    """
    if not isinstance(given, dict) or not given.keys() <= _KEYS:
        raise InvalidOptionError(where, given, _EXPECTED)
    headers = given.get("headers", {})
    texts = [given.get(key, "") for key in _KEYS - {"headers"}]
    if not isinstance(headers, dict) or not all(
        isinstance(each, str) for each in (*texts, *headers, *headers.values())
    ):
        raise InvalidOptionError(where, given, _EXPECTED)
    plain = ScoringRequest(label)
    try:
        return ScoringRequest(
            label=given.get("label", label),
            body=_body(given),
            method=given.get("method", plain.method).upper(),
            path=given.get("path", plain.path),
            headers=headers if "headers" in given else plain.headers,
        )
    except InvalidOptionError as error:
        where = f"{where}: {error.option}"
        raise InvalidOptionError(where, error.found, error.expected) from error


def _body(given: dict[str, str]) -> bytes:
    """Return the body's bytes."""
    if "body_base64" not in given:
        try:
            return given.get("body", "").encode()
        except UnicodeEncodeError as error:  # an unpaired surrogate, which JSON can encode
            raise InvalidOptionError("body", "(not shown)", "text with a UTF-8 form") from error
    try:
        return base64.b64decode(given["body_base64"], validate=True)
    except ValueError as error:
        raise InvalidOptionError("body_base64", "(not shown)", "base64 (RFC 4648)") from error
