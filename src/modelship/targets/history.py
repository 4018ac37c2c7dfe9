"""Record each change of a name before it is made."""

from __future__ import annotations

import getpass
import json
import platform
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.diagnosis.redaction import covered
from modelship.documents import choice, listing, mapping, number, parse, read_regular, record, text
from modelship.errors import StorageError
from modelship.staging import storing, write_atomic
from modelship.targets.release import ReleaseRecord, release_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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
    "serves_nothing",
    "to_text",
]

Kind = Literal["deploy", "update", "rollback", "delete"]
Outcome = Literal["under way", "serving", "failed", "refused", "ended"]

MOST_CHANGES: Final = 100
"""How many changes of a name are kept."""

MOST_HISTORY_BYTES: Final = 2**22
"""How long the document of a history may be."""

_MOST_FILES: Final = 200
_MOST_REASON: Final = 2000
_MOST_DESCRIPTION: Final = 1000
_MOST_TAGS: Final = 4000


@dataclass(frozen=True)
class Change:
    """One change of the release that a name serves.

    Parameters
    ----------
    number : int
        Counts from 1 for each name.
    kind : {"deploy", "update", "rollback", "delete"}
        The kind of the change.
    release : ReleaseRecord
        The new release of the name; for a deletion, the last one.
    previous : str
        The digest of the previous release; empty if there was none.
    differed : Sequence[str]
        The parts and options in which the two differ.
    by : str
        The user who requested it, ``user@host``.
    began_at, ended_at : str
        ISO 8601, UTC; empty while it is in progress.
    outcome : {"under way", "serving", "failed", "refused", "ended"}
        The outcome: the name serves this release; it failed, or a gate refused it, and the previous
        one keeps serving; or it was served, and no longer is.
    reason : str
        Why it failed, was refused, or has ended.
    figures : Mapping[str, float]
        The measurements of a gate or a canary, by name.
    """

    number: int
    kind: Kind
    release: ReleaseRecord
    previous: str = ""
    differed: Sequence[str] = ()
    by: str = ""
    began_at: str = ""
    ended_at: str = ""
    outcome: Outcome = "under way"
    reason: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def begun(
        cls,
        kind: Kind,
        release: ReleaseRecord,
        *,
        number: int = 1,
        previous: str = "",
        differed: Sequence[str] = (),
    ) -> Change:
        """Return a change that begins now, requested by the user of this process."""
        return cls(
            number=number,
            kind=kind,
            release=_shortened(release),
            previous=previous,
            differed=tuple(differed),
            by=f"{_user()}@{platform.node()}",
            began_at=_now(),
        )

    def ended(
        self, outcome: Outcome, reason: str = "", figures: Mapping[str, float] | None = None
    ) -> Change:
        """Return the change with its outcome, ended now."""
        return replace(
            self,
            outcome=outcome,
            reason=covered(reason)[:_MOST_REASON],
            ended_at=_now(),
            figures=dict(figures or self.figures),
        )

    def after(self, changes: Sequence[Change]) -> Change:
        """Return the change with the number that follows these."""
        return replace(self, number=max((each.number for each in changes), default=0) + 1)

    @property
    def has_served(self) -> bool:
        """Whether the name has served the release, or serves it now."""
        return self.outcome in {"serving", "ended"} and self.kind != "delete"

    @property
    def is_deletion(self) -> bool:
        """Whether the service was deleted, and its releases with it."""
        return self.kind == "delete" and self.outcome != "failed"

    @property
    def is_of_this_machine(self) -> bool:
        """Whether it was made by a process of this machine."""
        return self.by.rpartition("@")[2] == platform.node()

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            **vars(self),
            "release": self.release.to_document(),
            "differed": list(self.differed),
            "figures": dict(self.figures),
        }

    @classmethod
    def from_document(cls, value: Any) -> Change:
        """Parse the result of :meth:`to_document`; raise ValueError if it is something else."""
        return cls(**_SCHEMA(value, ""))


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
                advice="Move it away: the service goes on, and a new history begins.",
            ) from error

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


_SCHEMA: Final = record(
    {
        "number": number(above=0, whole=True),
        "kind": choice("deploy", "update", "rollback", "delete"),
        "release": release_record,
        "previous": text(most=64),
        "differed": listing(text(most=1000)),
        "by": text(most=1000),
        "began_at": text(most=100),
        "ended_at": text(most=100),
        "outcome": choice("under way", "serving", "failed", "refused", "ended"),
        "reason": text(most=_MOST_REASON),
        "figures": mapping(number()),
    }
)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return 0.0


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _shortened(release: ReleaseRecord) -> ReleaseRecord:
    """Return a record without the fields that would make a history long."""
    tags = (
        release.tags if sum(map(len, (*release.tags, *release.tags.values()))) <= _MOST_TAGS else {}
    )
    return replace(release, description=release.description[:_MOST_DESCRIPTION], tags=tags)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in a container
        return "unknown"
