"""Read the failed requests that a service captured (``MODELSHIP_CAPTURE``)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.parity.requests_file import read_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from modelship.comparison.scoring_request import ScoringRequest

__all__ = ["CapturedRequest", "read_captured"]

_FORMAT: Final = 1
_KEPT: Final = ("time", "request_id", "status", "cause", "body_cut")
_EXPECTED: Final = "a line that modelship's server has captured"


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
    found = [each for path in paths for file in _files(path) for each in _read(file)]
    return tuple(sorted(found, key=lambda each: each.time))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    if not path.is_file():
        raise InvalidOptionError("CAPTURE", str(path), "an existing folder or file")
    return [path]


def _read(file: Path) -> Iterator[CapturedRequest]:
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
            request=read_request(document["request"], label=told["request_id"], where=where),
            answer=_text(told, "answer"),
            left_out=(*told["left_out"]["headers"], *told["left_out"]["query"]),
            **{name: told[name] for name in _KEPT},
        )
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise InvalidOptionError(where, line[:80], _EXPECTED) from error


def _text(told: dict[str, Any], name: str) -> str:
    """Return captured bytes as text, or in base64 if they are not text."""
    if name in told:
        return str(told[name])
    return base64.b64decode(told[f"{name}_base64"]).decode(errors="replace")
