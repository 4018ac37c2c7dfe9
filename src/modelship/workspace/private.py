"""Read and write files with secrets, which only their owner may access."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from modelship.staging import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NotPrivateError", "check_private_folder", "read_private", "write_private"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NotPrivateError(Exception):
    """Another user can read or write a file or folder that contains a secret.

    Parameters
    ----------
    problem : str
        The reason.
    remedy : str
        The command to fix it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def read_private(path: Path) -> str:
    """Return the text of a regular file that only this user can read or write.

    Raises
    ------
    NotPrivateError
        If it is a link, or its owner or its permissions differ.
    OSError
        If it is unreadable.
    """
    if path.is_symlink():
        raise NotPrivateError(f"{path} is a symbolic link", f"Remove it: rm {path}")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        # Check the open file, so that it cannot be replaced between the check and the read.
        _check(path, os.fstat(file.fileno()), mode="600")
        return file.read()


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, completely or not at all."""
    write_atomic(path, text, mode=0o600, durable=False)


def check_private_folder(folder: Path) -> None:
    """Reject a folder of another user, or one that others can read or write.

    Raises
    ------
    NotPrivateError
        If the folder is not private.
    """
    _check(folder, folder.stat(), mode="700")


def _check(path: Path, status: os.stat_result, *, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise NotPrivateError(
            f"{path} belongs to the user with the id {status.st_uid}, not to you",
            "Use a folder of your own.",
        )
    if found := stat.S_IMODE(status.st_mode) & _OTHERS:
        raise NotPrivateError(
            f"{path} is open to other users (mode {stat.S_IMODE(status.st_mode):03o}, of which "
            f"{found:03o} is theirs)",
            f"If nobody else can have read it: chmod {mode} {path}. Otherwise remove the folder, "
            "and with it the secret.",
        )
