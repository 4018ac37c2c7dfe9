"""Record a change before it is made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.targets.ended_releases import ended_by_itself
from modelship.targets.history import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.targets.backend import TargetBackend
    from modelship.targets.history import Journal
    from modelship.targets.instance import Instance

__all__ = ["begin"]

_UNKNOWN: Final = "unknown"


def begin(
    backend: TargetBackend, journal: Journal, change: Change, *, current: Instance | None
) -> Change:
    """Store a new change, and return it with its number.

    Releases that have ended since the last one are recorded too. If the history was removed, it
    begins with the current release, so that a rollback can return to it.
    """
    changes = journal.changes()
    lost = _without_history(changes, current)
    known = [*changes, *lost]
    ended = ended_by_itself(backend, known, current)
    return journal.begin(change.after(known), *lost, *ended)


def _without_history(changes: Sequence[Change], current: Instance | None) -> list[Change]:
    """Return the deployment of the current release, if its history was removed."""
    if changes or current is None or current.broken or not current.release.digest:
        return []
    deployed = Change.begun("deploy", current.release)
    at = current.created_at
    return [replace(deployed, by=_UNKNOWN, outcome="serving", began_at=at, ended_at=at)]
