"""Limit the work of reading all files of a model.

A file that expands to a million times its size, or to millions of instructions, is aborted after
about a second; a legitimate file of any size is read to its end.
"""

from __future__ import annotations

import time
from typing import Final

from modelship.sources._stream import UndescribedError

__all__ = ["Budget"]

_MIB: Final = 2**20
# The maximum compression ratio of Deflate is 1,032, so a legitimate file may reach it.
_UNPACKED_OF_ANY: Final = 64 * _MIB
_UNPACKED_PER_BYTE: Final = 1100
_STEPS_OF_ANY: Final = 1_000_000
_STEPS_PER_BYTE: Final = 16
_MAX_STEPS: Final = 50_000_000
# Reading takes 0.05 s per megabyte.
_SECONDS_OF_ANY: Final = 1.0
_SECONDS_PER_MIB: Final = 2.0
_MAX_SECONDS: Final = 600.0


class Budget:
    """The remaining budget for the files of one model.

    Parameters
    ----------
    packed_bytes : int
        The total size of the files on disk.
    """

    def __init__(self, packed_bytes: int) -> None:
        self._unpacked_left = _UNPACKED_OF_ANY + _UNPACKED_PER_BYTE * packed_bytes
        self._steps_left = min(_MAX_STEPS, _STEPS_OF_ANY + _STEPS_PER_BYTE * packed_bytes)
        seconds = _SECONDS_OF_ANY + _SECONDS_PER_MIB * packed_bytes / _MIB
        self._ends_at = time.thread_time() + min(_MAX_SECONDS, seconds)

    def take_bytes(self, count: int) -> None:
        """Count unpacked bytes."""
        self._unpacked_left -= count
        if self._unpacked_left < 0:
            raise UndescribedError("it unpacks to far more than its size on disk")
        self.take_time()

    def take_steps(self, count: int) -> None:
        """Count executed instructions."""
        self._steps_left -= count
        if self._steps_left < 0:
            raise UndescribedError("it has more parts than the limit")
        self.take_time()

    def take_time(self) -> None:
        """Raise UndescribedError if reading has taken too long for the size of the model."""
        if time.thread_time() > self._ends_at:
            raise UndescribedError("reading it takes far longer than its size explains")
