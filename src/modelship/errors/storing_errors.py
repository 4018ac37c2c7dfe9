"""Define errors of stored files."""

from __future__ import annotations

from dataclasses import dataclass

from modelship.errors.base_error import ModelshipError

__all__ = ["StorageError"]


@dataclass(eq=False)
class StorageError(ModelshipError):
    """A file cannot be written to this machine, or read from it."""

    _message = "{path} cannot be used: {cause}."

    exit_code = 10

    path: str
    cause: str
    advice: str
