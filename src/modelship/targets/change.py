"""Define Change: one change of what a name serves, and its document."""

from __future__ import annotations

import getpass
import platform
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.diagnosis.redaction import covered
from modelship.documents import choice, listing, mapping, number, record, text
from modelship.targets.release import ReleaseRecord, release_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Change", "Kind", "Outcome", "this_user"]

Kind = Literal["deploy", "update", "rollback", "delete"]
Outcome = Literal["under way", "serving", "failed", "refused", "ended"]

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
            by=this_user(),
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
    def is_unfinished_deletion(self) -> bool:
        """Whether a deletion was begun, and its process ended before it had finished."""
        return self.kind == "delete" and self.outcome == "failed"

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


def _shortened(release: ReleaseRecord) -> ReleaseRecord:
    """Return a record without the fields that would make a history long."""
    tags = (
        release.tags if sum(map(len, (*release.tags, *release.tags.values()))) <= _MOST_TAGS else {}
    )
    return replace(release, description=release.description[:_MOST_DESCRIPTION], tags=tags)


def this_user() -> str:
    """Return the user of this process, and its machine: ``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in a container
        user = "unknown"
    return f"{user}@{platform.node()}"
