"""Validate the port that a user requests."""

from __future__ import annotations

from modelship.errors import InvalidOptionError

__all__ = ["check_port"]

_LARGEST_PORT = 65535


def check_port(port: int | None) -> int | None:
    """Return `port` if a program can listen on it, or None for a free one.

    Raises
    ------
    InvalidOptionError
        Unless it is None or a whole number from 1 to 65535.
    """
    is_number = isinstance(port, int) and not isinstance(port, bool)
    if port is None or (is_number and 1 <= port <= _LARGEST_PORT):
        return port
    raise InvalidOptionError(option="port", found=port, expected="1 to 65535")
