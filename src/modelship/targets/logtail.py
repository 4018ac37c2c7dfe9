"""The part of a service's log that tells why it did not start."""

from __future__ import annotations

__all__ = ["last_lines", "telling_part"]

_MOST_LINES = 40


def last_lines(log: str, count: int) -> str:
    """Return the last `count` lines of `log`."""
    return "\n".join(log.splitlines()[-count:]) if count > 0 else ""


def telling_part(log: str) -> str:
    """Return the last traceback in `log` with what follows it, or else its last lines."""
    lines = log.rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    begin = starts[-1] if starts else len(lines)
    shown = lines[begin:] or lines
    return "\n".join(shown[-_MOST_LINES:])
