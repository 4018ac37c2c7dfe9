"""Threads for long-running work, such as builds; they end before the workspace does."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Workers"]

_JOIN_S = 20.0
_log = logging.getLogger(__name__)


class Workers:
    """Runs work in threads, and waits for them when it is closed."""

    def __init__(self) -> None:
        self.closed = False
        """Whether nothing may be written any more: results of work are discarded from now on."""
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def run(self, work: Callable[[], None], *, name: str, wait_s: float) -> None:
        """Run `work` in a thread, and wait at most `wait_s` seconds for it to end.

        Nothing is begun any more once it is closed.
        """
        thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        with self._lock:
            if self.closed:
                return
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()
        thread.join(wait_s)

    def wait(self) -> None:
        """Wait for all work to end, however long it takes."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Wait for work in progress, at most 20 seconds in total."""
        with self._lock:
            self.closed = True
        end = time.monotonic() + _JOIN_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - it ends here, or else in a traceback on the terminal
            if not self.closed:  # afterwards its files are gone
                _log.exception("%s failed", threading.current_thread().name)
