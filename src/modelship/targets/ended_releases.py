"""Find out which releases are recorded as serving, and serve no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.targets.backend import TargetBackend
    from modelship.targets.history import Change
    from modelship.targets.instance import Instance

__all__ = ["DIED", "ended_by_itself"]

DIED: Final = "the service stopped by itself"

_DELETION: Final = "stopped by change {}, a deletion that was not finished"


def ended_by_itself(
    backend: TargetBackend, changes: Sequence[Change], current: Instance | None
) -> list[Change]:
    """Return the changes that are recorded as serving and no longer serve, as ended."""
    return [
        each.ended("ended", why)
        for each in changes
        if each.outcome == "serving" and (why := _why_ended(backend, each, current, changes))
    ]


def _why_ended(
    backend: TargetBackend, change: Change, serving: Instance | None, changes: Sequence[Change]
) -> str:
    if serving is None:
        return "the service no longer exists, and modelship did not delete it"
    if serving.broken:
        return ""
    if serving.release.digest != change.release.digest:
        return "the name serves another release, and no record says who deployed it"
    if backend.observe(serving).state is not State.FAILED:
        return ""
    return _DELETION.format(changes[-1].number) if changes[-1].is_unfinished_deletion else DIED
