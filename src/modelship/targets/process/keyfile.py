"""The keys of one service, in a file that only its owner reads; the server looks at it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:  # noqa: PTH123 - Path.open() takes no descriptor
        stream.write(keys.to_json())
    draft.replace(file)
