"""Ask an engine about itself, and no more often than its answer can change."""

from __future__ import annotations

import socket
import time
from typing import Any, Final

from modelship.runtime.images.inspection import unix_time

__all__ = ["EngineFacts"]

_LASTING: Final = ("ID", "Name")


class EngineFacts:
    """What an engine says about itself. To answer, it starts three programs.

    Its identifier and the name of its machine are asked for once in a process, and again after a
    request has failed.
    """

    _api: Any
    _facts: dict[str, str]

    def capacity(self) -> tuple[int, int]:
        """Return the number of cores, and the memory in bytes, of the engine."""
        info = self._asked()
        return info["NCPU"], info["MemTotal"]

    def identity(self) -> str:
        """Return a unique identifier of the engine."""
        return self._lasting("ID") or str(self._api.base_url)

    @property
    def is_here(self) -> bool:
        """Whether the engine runs on this machine, and not in a virtual machine."""
        is_local = self._api.base_url.startswith("http+docker://")  # the SDK's for a Unix socket
        return is_local and self._lasting("Name") == socket.gethostname()

    def now(self) -> str:
        """Return the time of the engine's clock, in seconds since 1970."""
        return f"{time.time():.6f}" if self.is_here else unix_time(self._asked()["SystemTime"])

    def _lasting(self, name: str) -> str:
        if name not in self._facts:
            self._asked()
        return self._facts[name]

    def _asked(self) -> dict[str, Any]:
        info: dict[str, Any] = self._api.info()
        self._facts.update({each: str(info.get(each) or "") for each in _LASTING})
        return info
