"""The folder of an offline workspace, which one process at a time holds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from modelship.errors import InvalidOptionError
from modelship.testing.offline.identity import LOCK, Identity

if TYPE_CHECKING:
    from contextlib import ExitStack

__all__ = ["hold_folder"]


def hold_folder(folder: Path | None, *, name: str, stack: ExitStack) -> Path:
    """Return the folder, locked for this process until the stack is unwound.

    Parameters
    ----------
    folder : Path or None
        The folder; None for a temporary one, which is removed when the stack is unwound.
    name : str
        The name of the workspace, if the folder does not have one yet.
    stack : ExitStack
        Releases it.

    Raises
    ------
    InvalidNameError
        If the name is not valid for an Azure ML workspace.
    InvalidOptionError
        If the folder contains other things or is in use.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="modelship-offline-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder
    Identity.load(folder, name=name)  # rejects a wrong folder before it is written to
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # Not bound to a thread: it may be closed in another thread than it was opened in.
        stack.enter_context(FileLock(folder / LOCK, timeout=0, thread_local=False))
    except Timeout:
        expected = "a folder that no other offline workspace uses now"
        raise InvalidOptionError("folder", str(folder), expected) from None
    return folder
