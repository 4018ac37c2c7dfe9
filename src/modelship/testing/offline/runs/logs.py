"""The log of a submitted run: a file of the run's, that the SDK shows while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.runs.records import RUN_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.testing.offline.document_store import Store

__all__ = ["RunLog"]

_NAME: Final = "user_logs/std_log.txt"  # what the SDK looks for
_TAIL_LINES: Final = 40
_TAIL_BYTES: Final = 1 << 16


class RunLog:
    """What a run's script writes, and what the workspace says of it.

    Parameters
    ----------
    store : Store
        Has the files of runs.
    run : Mapping[str, Any]
        The run.
    """

    def __init__(self, store: Store, run: Mapping[str, Any]) -> None:
        self.path: Path = store.blob(f"{RUN_ORIGIN}/{run['dataContainerId']}/{_NAME}")
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def say(self, text: str) -> None:
        """Add a line of the workspace's own."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"[modelship] {text.rstrip()}\n")

    def tail(self) -> str:
        """Return the last lines that the script wrote."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - _TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [each for each in text.splitlines() if not each.startswith("[modelship]")]
        return "\n".join(lines[-_TAIL_LINES:])
