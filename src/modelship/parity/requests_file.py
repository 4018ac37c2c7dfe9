"""Read requests from a file, and the failed requests that a service captured."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.comparison.scoring_request import ScoringRequest
from modelship.documents import DocumentError
from modelship.errors import InvalidOptionError
from modelship.texts import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["CapturedRequest", "read_captured", "read_requests"]

_KEYS: Final = {"label", "method", "path", "headers", "body", "body_base64"}
_LINES: Final = ({"request"}, {"request", "captured"})
_EXPECTED: Final = (
    'one JSON payload a line; or {"request": {…}} with any of label, method, path, headers and '
    "body (text) or body_base64"
)


_FORMAT: Final = 1
_KEPT: Final = ("time", "request_id", "status", "cause", "body_cut")
_EXPECTED_LINE: Final = "a line that modelship's server has captured"


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
        return _request(payload["request"], label=label, where=where)
    return ScoringRequest(label, text.strip().encode())


def _is_cut(payload: dict[str, Any]) -> bool:
    captured = payload.get("captured")
    return isinstance(captured, dict) and bool(captured.get("body_cut"))


def _request(given: Any, *, label: str, where: str) -> ScoringRequest:
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


# --- captured requests ------------------------------------------------------------------


@dataclass(frozen=True)
class CapturedRequest:
    """A failed request, and the answer to it.

    Parameters
    ----------
    request : ScoringRequest
        The request, which can be sent again; its body is incomplete if `body_cut`.
    time : str
        The time of the answer, in UTC (ISO 8601).
    request_id : str
        Its id, as in the service's log.
    status : int
        The status of the service's answer.
    answer : str
        The beginning of the answer's body.
    cause : str
        The last line of the script's traceback; empty if run() did not raise.
    left_out : tuple[str, ...]
        The names of the headers and parameters that were omitted, since they may be secret.
    body_cut : bool
        Whether the body was truncated.
    """

    request: ScoringRequest
    time: str
    request_id: str
    status: int
    answer: str
    cause: str
    left_out: tuple[str, ...]
    body_cut: bool


def read_captured(paths: Iterable[Path]) -> tuple[CapturedRequest, ...]:
    """Read captured requests, the oldest first.

    Parameters
    ----------
    paths : Iterable[Path]
        Folders that a service has captured to, or files from there.

    Raises
    ------
    InvalidOptionError
        If a path does not exist, or a line has another format; the message says which.
    """
    found = [each for path in paths for file in _files(path) for each in _captured_in(file)]
    return tuple(sorted(found, key=lambda each: each.time))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    if not path.is_file():
        raise InvalidOptionError("CAPTURE", str(path), "an existing folder or file")
    return [path]


def _captured_in(file: Path) -> Iterator[CapturedRequest]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:  # the service has deleted it in the meantime to free space
        return
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidOptionError("CAPTURE", str(file), "a file of UTF-8 text") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _captured(line, where=f"{file}:{number}")


def _captured(line: str, *, where: str) -> CapturedRequest:
    try:
        document = json.loads(line)
        told: dict[str, Any] = document["captured"]
        if told["format"] != _FORMAT:
            raise InvalidOptionError(where, f"format {told['format']}", f"format {_FORMAT}")
        return CapturedRequest(
            request=_request(document["request"], label=told["request_id"], where=where),
            answer=_text(told, "answer"),
            left_out=(*told["left_out"]["headers"], *told["left_out"]["query"]),
            **{name: told[name] for name in _KEPT},
        )
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise InvalidOptionError(where, line[:80], _EXPECTED_LINE) from error


def _text(told: dict[str, Any], name: str) -> str:
    """Return captured bytes as text, or in base64 if they are not text."""
    if name in told:
        return str(told[name])
    return base64.b64decode(told[f"{name}_base64"]).decode(errors="replace")
