"""Define CallError: a call of run() failed, which is not yet the fault of one row."""

from __future__ import annotations

__all__ = ["CallError"]


class CallError(Exception):
    """A call of run() failed.

    Parameters
    ----------
    reason : str
        Why, in one line.
    log : str
        The traceback, or the end of what the process printed.
    is_timeout : bool
        Whether it took too long.
    """

    def __init__(self, reason: str, log: str = "", *, is_timeout: bool = False) -> None:
        super().__init__(reason)
        # A message that names a file may have characters that no file of UTF-8 can hold.
        self.reason = reason.encode(errors="replace").decode()
        self.log = log
        self.is_timeout = is_timeout
