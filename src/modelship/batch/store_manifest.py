"""Define StoreLines: the lines of a manifest in an object store, an object for each.

An object cannot be appended to. But it can be created on condition that there is none, so that of
two drivers only one writes the next line. From time to time the lines are written to one object,
too, so that readers need not read all others. Any earlier state of that object is as good, so it
does not matter when it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.batch.output_names import MANIFEST, OURS
from modelship.errors import BatchOutputError, BatchResumeError

if TYPE_CHECKING:
    from modelship.batch.store_files import StoreFiles

__all__ = ["StoreLines"]

_LINES: Final = f"{OURS}/manifest"
_MOST_APART: Final = 100


class StoreLines:
    """Lines that are created one after the other; see :class:`ManifestLines`.

    Parameters
    ----------
    files : StoreFiles
        The objects of the job.
    """

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._lines: list[bytes] = []
        self._gathered = 0

    def read(self) -> list[bytes]:
        """Return the complete lines."""
        try:
            lines = self._files.get(MANIFEST).splitlines()
        except FileNotFoundError:
            lines = []
        self._gathered = len(lines)
        apart = [each for each in sorted(self._files.sizes(_LINES)) if each > _name(len(lines))]
        if apart != [_name(len(lines) + 1 + at) for at in range(len(apart))]:
            raise self.damaged("a line is missing")
        self._lines = [*lines, *self._files.get_all(apart)]
        return list(self._lines)

    def append(self, line: bytes) -> None:
        """Create the object of the next line."""
        name = _name(len(self._lines) + 1)
        try:
            self._files.create(name, line)
        except FileExistsError:
            # A driver may send a request again whose answer was lost: then the line is this one.
            if self._files.get(name) != line:
                raise BatchOutputError(
                    self._files.url,
                    "another process writes its manifest at the same time",
                    "End the other one, and run the same command again: it scores what is missing.",
                ) from None
        self._lines.append(line)
        if len(self._lines) - self._gathered >= max(_MOST_APART, self._gathered // 4):
            self._files.put(MANIFEST, b"".join(each + b"\n" for each in self._lines))
            self._gathered = len(self._lines)

    def damaged(self, problem: str) -> BatchResumeError:
        """Return the error of lines that are not those that were written."""
        return BatchResumeError(
            self._files.url,
            f"its manifest is damaged: {problem}",
            advice=f"Restore {self._files.url}/{_LINES} from a copy, or name another output "
            "folder.",
        )


def _name(number: int) -> str:
    return f"{_LINES}/{number:09d}.json"
