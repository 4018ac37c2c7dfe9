"""The history of a name: each change of what it serves, written down before it is made."""

from __future__ import annotations

import getpass
import json
import platform
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.documents import choice, listing, mapping, number, parse, read_regular, record, text
from modelship.errors import StorageError
from modelship.staging import storing, write_atomic
from modelship.targets.release import ReleaseRecord, release_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Change", "FolderJournal", "Journal", "MemoryJournal"]

Kind = Literal["deploy", "update", "rollback", "delete"]
Outcome = Literal["under way", "serving", "failed", "refused", "ended"]

_MOST_CHANGES: Final = 100
_MOST_BYTES: Final = 2**24
_MOST_REASON: Final = 2000


@dataclass(frozen=True)
class Change:
    """One change of what a name serves.

    Parameters
    ----------
    number : int
        Counts from 1 for each name.
    kind : {"deploy", "update", "rollback", "delete"}
        What was asked for.
    release : ReleaseRecord
        What the name was to serve; what it served, of a deletion.
    previous : str
        The digest of the release before it; empty if there was none.
    differed : Sequence[str]
        The parts and options in which the two differ.
    by : str
        Who asked for it, ``user@host``.
    began_at, ended_at : str
        ISO 8601, UTC; empty while it is under way.
    outcome : {"under way", "serving", "failed", "refused", "ended"}
        What came of it: the name serves this release; it failed, or a gate refused it, and the
        one before serves on; or it was served, and is no longer.
    reason : str
        Why it failed, was refused, or has ended.
    figures : Mapping[str, float]
        What a gate or a canary has measured, by name.
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
        number: int,
        previous: str = "",
        differed: Sequence[str] = (),
    ) -> Change:
        """Return a change that begins now, asked for by whoever runs this process."""
        return cls(
            number=number,
            kind=kind,
            release=release,
            previous=previous,
            differed=tuple(differed),
            by=f"{_user()}@{platform.node()}",
            began_at=_now(),
        )

    def ended(
        self, outcome: Outcome, reason: str = "", figures: Mapping[str, float] | None = None
    ) -> Change:
        """Return the change with what came of it, as of now."""
        return replace(
            self,
            outcome=outcome,
            reason=reason[:_MOST_REASON],
            ended_at=_now(),
            figures=dict(figures or self.figures),
        )

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
        """Read what :meth:`to_document` returned; raise ValueError if it is something else."""
        return cls(**_SCHEMA(value, ""))


class Journal(ABC):
    """Where the changes of one name are kept, by the place that serves it."""

    @abstractmethod
    def changes(self) -> Sequence[Change]:
        """Return every change that is kept, the oldest first."""

    @abstractmethod
    def write(self, change: Change) -> None:
        """Keep a change; it takes the place of the one with its number."""

    def last(self) -> Change | None:
        """Return the newest change, or None."""
        changes = self.changes()
        return changes[-1] if changes else None


class MemoryJournal(Journal):
    """Changes that are kept as long as this object."""

    def __init__(self) -> None:
        self._changes: dict[int, Change] = {}

    def changes(self) -> Sequence[Change]:
        return [self._changes[number] for number in sorted(self._changes)]

    def write(self, change: Change) -> None:
        self._changes[change.number] = change


class FolderJournal(Journal):
    """Changes in a file of a folder: the last hundred, in one JSON document.

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
                content = read_regular(self._path, most_bytes=_MOST_BYTES)
            return [Change.from_document(each) for each in parse(content)]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise StorageError(
                path=str(self._path),
                cause=f"it is not a history ({error})",
                advice="Move it away: the service goes on, and a new history begins.",
            ) from error

    def write(self, change: Change) -> None:
        others = [each for each in self.changes() if each.number != change.number]
        kept = sorted([*others, change], key=lambda each: each.number)[-_MOST_CHANGES:]
        with storing(self._path):
            document = json.dumps([each.to_document() for each in kept])
            write_atomic(self._path, document, mode=0o600)


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


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in a container
        return "unknown"
