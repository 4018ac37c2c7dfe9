"""Extract the part of a service's log that explains why it did not start."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from modelship.diagnosis.redaction import hidden
from modelship.diagnosis.tracebacks import LINKS, TRACEBACK, WRAPPER

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["last_lines", "relevant_part"]

_MOST_LINES = 40
_LINES_WITHOUT_TRACEBACK = 12
_INDENT = "    "  # of the continuation lines of a record of modelship's server


def last_lines(log: str, count: int) -> str:
    """Return the last `count` lines of `log`."""
    return "\n".join(log.splitlines()[-count:]) if count > 0 else ""


def relevant_part(log: str) -> str:
    """Return the script's last traceback in `log`, with its causes, or else the last lines.

    It contains no known secret: errors show it.
    """
    lines = log.rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if TRACEBACK in line]
    if not starts:
        return hidden("\n".join(lines[-_LINES_WITHOUT_TRACEBACK:]))
    links = [n for n, line in enumerate(lines) if line.strip() in LINKS]
    begin = starts.pop()
    while starts and any(starts[-1] < link < begin for link in links):
        begin = starts.pop()
    wrapped = [
        link for link in links if link > begin and any(WRAPPER in line for line in lines[link:])
    ]
    end = wrapped[-1] if wrapped else len(lines)
    found = _of_one_record(lines[begin:end])
    return hidden("\n".join(found[-_MOST_LINES:]).rstrip())


def _of_one_record(lines: Sequence[str]) -> Sequence[str]:
    """Return a traceback as Python writes it, if it is the end of an indented record."""
    record = list(takewhile(lambda line: line.startswith(_INDENT), lines[1:]))
    before, _, _ = lines[0].partition(TRACEBACK)
    if not record or not before.strip():
        return lines
    first = lines[0].removeprefix(before)
    return [first, *(line.removeprefix(_INDENT) for line in record)]
