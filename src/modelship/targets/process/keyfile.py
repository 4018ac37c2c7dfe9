"""The keys of one service, in a file that only its owner reads; the server looks at it again."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Literal

from modelship.targets.keys import ServiceKeys

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["new_keys", "read_keys", "replace_key"]

_KEY_BYTES = 24


def new_keys(file: Path) -> None:
    """Write two random keys."""
    _write(file, ServiceKeys(*(secrets.token_urlsafe(_KEY_BYTES) for _ in range(2))))


def read_keys(file: Path) -> ServiceKeys | None:
    """Return the keys; None if the service asks for none."""
    try:
        return ServiceKeys(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None


def replace_key(
    file: Path, keys: ServiceKeys, which: Literal["primary", "secondary"], *, value: str | None
) -> None:
    """Write the keys with one of them made anew, at random or as `value`."""
    found = {"primary": keys.primary, "secondary": keys.secondary}
    found[which] = value or secrets.token_urlsafe(_KEY_BYTES)
    _write(file, ServiceKeys(**found))


def _write(file: Path, keys: ServiceKeys) -> None:
    """Write the file at once, so that no reader sees half of it."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:  # noqa: PTH123 - Path.open() takes no descriptor
        json.dump({"primary": keys.primary, "secondary": keys.secondary}, stream)
    draft.replace(file)
