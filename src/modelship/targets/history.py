"""Record each change of a name before it is made."""

from __future__ import annotations

import base64
import json
import zlib
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from modelship.documents import parse, read_regular
from modelship.errors import StorageError
from modelship.staging import storing, write_atomic
from modelship.targets.change import Change, Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from typing_extensions import Self  # for type checkers only: Python 3.10 lacks it

    from modelship.progress import Deadline

__all__ = [
    "MOST_CHANGES",
    "MOST_HISTORY_BYTES",
    "Change",
    "FolderJournal",
    "Journal",
    "Kind",
    "MemoryJournal",
    "Outcome",
    "changes_from",
    "kept_changes",
    "packed",
    "serves_nothing",
    "to_text",
    "unpacked",
]

MOST_CHANGES: Final = 100
"""The maximum number of changes of a name that are stored."""

MOST_HISTORY_BYTES: Final = 2**22
"""The maximum size of the document of a history."""

_MOST_FILES: Final = 200


class Journal(ABC):
    """The store of the changes of one name, of the place that serves it."""

    @abstractmethod
    def changes(self) -> Sequence[Change]:
        """Return every change that is kept, oldest first."""

    @abstractmethod
    def write(self, *changes: Change) -> None:
        """Store changes, all of them or none; each replaces the one with its number.

        At least the last hundred are kept, and the serving one.
        """

    def begin(self, change: Change, *others: Change) -> Change:
        """Store a new change, and others; return it with the number under which it is stored.

        Where no lock separates the deployers of a name, its number may have been taken meanwhile.
        """
        self.write(*others, change)
        return change

    def remove_unreadable(self) -> Sequence[str]:
        """Remove a history that cannot be parsed, so that a deletion can be recorded.

        Return what was removed, such as ``"the volume modelship-history.docker.svc.7"``.
        """
        return ()

    def within(self, deadline: Deadline) -> Self:  # noqa: ARG002 - this machine is always fast
        """Return the same store; requests to another machine end at the deadline."""
        return self

    def last(self) -> Change | None:
        """Return the newest change, or None."""
        changes = self.changes()
        return changes[-1] if changes else None


class MemoryJournal(Journal):
    """Changes that are kept in memory, as long as this object."""

    def __init__(self) -> None:
        self._changes: Sequence[Change] = ()

    def changes(self) -> Sequence[Change]:
        return self._changes

    def write(self, *changes: Change) -> None:
        self._changes = kept_changes(self._changes, changes)


class FolderJournal(Journal):
    """Changes in a file of a folder, as one JSON document.

    Parameters
    ----------
    folder : Path
        The folder of all names.
    name : str
        The service's.
    """

    def __init__(self, folder: Path, *, name: str) -> None:
        self._path = folder / f"{name}.json"

    def changes(self) -> Sequence[Change]:
        try:
            with storing(self._path):
                return changes_from(read_regular(self._path, most_bytes=MOST_HISTORY_BYTES))
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise StorageError(
                path=str(self._path),
                cause=f"it is not a history ({error})",
                advice="Move it away: the service is not affected, and a new history is started.",
            ) from error

    def remove_unreadable(self) -> Sequence[str]:
        with storing(self._path):
            try:
                changes_from(read_regular(self._path, most_bytes=MOST_HISTORY_BYTES))
            except FileNotFoundError:
                return ()
            except (ValueError, TypeError):
                self._path.unlink(missing_ok=True)
                return (f"the file {self._path}",)
        return ()

    def write(self, *changes: Change) -> None:
        kept = kept_changes(self.changes(), changes)
        with storing(self._path):
            write_atomic(self._path, to_text(kept), mode=0o600)
            if serves_nothing(kept):
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Remove the histories of names that have served nothing for the longest time."""
        newest_first = sorted(self._path.parent.glob("*.json"), key=_written_at, reverse=True)
        for path in newest_first[_MOST_FILES:]:
            with suppress(StorageError):  # an unreadable one is left for inspection
                if serves_nothing(FolderJournal(path.parent, name=path.stem).changes()):
                    path.unlink(missing_ok=True)


def kept_changes(before: Sequence[Change], new: Sequence[Change]) -> list[Change]:
    """Return the changes to keep when `new` is added: the last hundred, and the serving one."""
    by_number = {change.number: change for change in (*before, *new)}
    changes = [by_number[number] for number in sorted(by_number)]
    old = [each for each in changes[:-MOST_CHANGES] if each.outcome == "serving"]
    return [*old, *changes[-MOST_CHANGES:]]


def serves_nothing(changes: Sequence[Change]) -> bool:
    """Return whether a name was deleted, or never served."""
    return not {each.outcome for each in changes} & {"serving", "under way"}


def to_text(changes: Sequence[Change]) -> str:
    """Return changes as a JSON document; the oldest are dropped if it would be too long."""
    documents = [json.dumps(each.to_document()) for each in changes]
    while len(documents) > 1 and sum(map(len, documents)) + 2 * len(documents) > MOST_HISTORY_BYTES:
        del documents[0]
    return f"[{', '.join(documents)}]"


def changes_from(text: bytes | str) -> list[Change]:
    """Parse the result of :func:`to_text`; raise ValueError or TypeError if it is invalid."""
    return [Change.from_document(each) for each in parse(text)]


def packed(text: str) -> str:
    """Return a text in a short form of letters, digits and a few signs."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> bytes:
    """Return the text of :func:`packed`; raise ValueError if it is invalid, or too long."""
    reading = zlib.decompressobj()
    try:
        found = reading.decompress(base64.b64decode(text, validate=True), MOST_HISTORY_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not reading.eof:
        raise ValueError("it is truncated, or too long")
    return found


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return 0.0
