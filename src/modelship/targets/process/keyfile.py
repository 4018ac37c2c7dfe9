"""The keys of one service, in a file that only its owner reads; the server looks at it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.staging import write_atomic
from modelship.targets.keys import ServiceKeys

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_keys", "write_keys"]


def read_keys(file: Path) -> ServiceKeys | None:
    """Return the keys; None if the service asks for none."""
    try:
        return ServiceKeys.from_json(file.read_text())
    except FileNotFoundError:
        return None


def write_keys(file: Path, keys: ServiceKeys) -> None:
    """Write the file at once, so that no reader sees half of it."""
    write_atomic(file, keys.to_json(), mode=0o600)
