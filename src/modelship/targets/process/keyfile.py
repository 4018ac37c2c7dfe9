"""Store the keys of one service in a private file, which the server reloads on changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.documents import DocumentError, read_regular
from modelship.staging import storing, write_atomic
from modelship.targets.keys import ServiceKeys

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_keys", "write_keys"]

_MOST_BYTES = 2**16


def read_keys(file: Path) -> ServiceKeys | None:
    """Return the keys; None if the service requires none."""
    try:
        with storing(file):
            content = read_regular(file, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        return None
    except DocumentError:  # none of our files is so large, or a link
        content = b""
    return ServiceKeys.from_json(content)


def write_keys(file: Path, keys: ServiceKeys) -> None:
    """Write the file atomically, so that no reader sees half of it."""
    write_atomic(file, keys.to_json(), mode=0o600)
