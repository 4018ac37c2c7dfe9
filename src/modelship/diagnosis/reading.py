"""Split a log into clean lines, from Docker, kubectl, Azure, or a JSON document."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["clean_lines", "error_document"]

# The lines kept of a long log: its start and its end.
_HEAD_CHARS = 250_000
_TAIL_CHARS = 4_000_000
_LINE_CHARS = 2_000
_HEAD_LINES = 2_000
_TAIL_LINES = 50_000

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(
    r"""
    (?:\[pod/[^\]\s]+\]\ )?                              # kubectl logs --prefix
    (?:[\w.-]+\s+\|\ )?                                  # docker compose logs
    (?:\d{4}-\d\d-\d\dT[\d:.,]+(?:Z|[+-]\d\d:?\d\d)      # docker logs --timestamps, and Azure's
       (?:\ std(?:out|err)\ [FP])?\ ?                    # the files of containerd
    )?
    """,
    re.VERBOSE,
)
_DOCUMENT = re.compile(r'\{\s*"(?:code|error|statusCode)"\s*:')
_DOCKER_JSON = '{"log":'
# With so many escaped line breaks for each real one, the text was taken from a JSON document.
_ESCAPED_PER_LINE = 4


def clean_lines(log: str) -> list[str]:
    """Return the lines of `log` without colors and the prefixes added by other programs.

    Of a log over four million characters, or over fifty thousand lines, only the beginning and the
    end are read.
    """
    if len(log) > _HEAD_CHARS + _TAIL_CHARS:
        log = log[:_HEAD_CHARS] + "\n" + log[-_TAIL_CHARS:]
    if log.count("\\n") > _ESCAPED_PER_LINE * (1 + log.count("\n")):
        log = log.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
    lines = log.splitlines()
    if len(lines) > _HEAD_LINES + _TAIL_LINES:
        lines = lines[:_HEAD_LINES] + lines[-_TAIL_LINES:]
    return [_clean(line) for line in lines]


def error_document(log: str) -> Mapping[str, Any] | None:
    """Return the error document of Azure in a text, as its SDK and its CLI print it."""
    match = _DOCUMENT.search(log, 0, _HEAD_CHARS)
    if match is None:
        return None
    try:
        document, _ = json.JSONDecoder().raw_decode(log[match.start() : _HEAD_CHARS])
    except (ValueError, RecursionError):
        return None
    inner = document.get("error", document)
    return inner if isinstance(inner, dict) else None


def _clean(line: str) -> str:
    line = line[:_LINE_CHARS]
    if line.startswith(_DOCKER_JSON):
        line = _message_of(line)
    if "\x1b" in line:
        line = _COLORS.sub("", line)
    prefix = _PREFIX.match(line)
    return line[prefix.end() :] if prefix else line


def _message_of(line: str) -> str:
    """Return the message in a line of Docker's json-file log driver."""
    try:
        document = json.loads(line)
    except ValueError:  # it was truncated
        return line
    return str(document["log"]).rstrip("\n") if isinstance(document, dict) else line
