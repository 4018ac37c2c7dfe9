"""Choose the release of a rollback, and the releases to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelship.errors import InvalidOptionError, NoEarlierReleaseError
from modelship.targets.release_record import differing, is_readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.targets.backend import TargetBackend
    from modelship.targets.history import Change
    from modelship.targets.instance import Instance
    from modelship.targets.release import ReleaseRecord

__all__ = ["MOST_RELEASES", "release_before", "releases_to_keep", "require_same_place"]

_CHANGING: Final = {"update": "; to change it, deploy with overwrite=True (--overwrite)"}

MOST_RELEASES: Final = 4
"""How many releases of a name are stored for rollbacks, including the current one."""


def release_before(
    backend: TargetBackend, current: Instance, changes: Sequence[Change], *, to: int | None
) -> str:
    """Return the digest of the release to which a rollback goes.

    Parameters
    ----------
    backend : TargetBackend
        The place; it has to be opened with the same options as for that release.
    current : Instance
        What serves.
    changes : Sequence[Change]
        The history of the name.
    to : int or None
        The number of the change whose release is requested; None for the previous one.

    Raises
    ------
    NoEarlierReleaseError
        If nothing has served before.
    InvalidOptionError
        If no such change has served, or the place was opened with other options then.
    """
    if to is None and not changes:
        kept = backend.releases(current.name).others(current.release.digest)
        raise NoEarlierReleaseError(current.name, has_history=False, kept=[*map(str, kept)])
    goal = _before(changes, current) if to is None else _numbered(changes, to)
    require_same_place(backend, goal, doing="rollback")
    return goal.digest


def _served(changes: Sequence[Change]) -> list[Change]:
    """Return the releases through which a rollback goes back, the current one last.

    A rollback removes the release from which it was made: the next one goes further back, and never
    to a removed release. A deletion removes all.
    """
    stack: list[Change] = []
    for change in changes:
        if change.is_deletion:
            stack = []
        elif change.has_served:
            if change.kind == "rollback":
                stack = _until(stack, change.release.digest)
            if stack and stack[-1].release.digest == change.release.digest:
                del stack[-1]  # the same release, restarted
            stack.append(change)
    return stack


def releases_to_keep(changes: Sequence[Change]) -> set[str]:
    """Return the digests of the releases to which a name may be rolled back.

    They are the serving one, the three before it, and the last four that have served, including
    those from which a rollback was made.
    """
    before = [each.release.digest for each in _served(changes)]
    newest_first = [each.release.digest for each in reversed(changes) if each.has_served]
    return {*before[-MOST_RELEASES:], *[*dict.fromkeys(newest_first)][:MOST_RELEASES]}


def _until(stack: Sequence[Change], digest: str) -> list[Change]:
    """Return the changes up to the last that has served a release; all if none has."""
    for count in range(len(stack), 0, -1):
        if stack[count - 1].release.digest == digest:
            return list(stack[:count])
    return list(stack)


def _numbered(changes: Sequence[Change], number: int) -> ReleaseRecord:
    known = {each.number: each for each in changes if each.has_served}
    if number not in known:
        numbers = ", ".join(map(str, known))
        raise InvalidOptionError("to", number, f"the number of a change that has served: {numbers}")
    return known[number].release


def _before(changes: Sequence[Change], current: Instance) -> ReleaseRecord:
    releases = [each.release for each in _served(changes)]
    digests = [each.digest for each in releases]
    if current.release.digest in digests:
        last = len(digests) - 1 - digests[::-1].index(current.release.digest)
        releases = releases[:last]
    if not releases:
        raise NoEarlierReleaseError(current.name, numbers=_others(changes, current))
    return releases[-1]


def _others(changes: Sequence[Change], current: Instance) -> list[int]:
    """Return the last change of each other release to keep, such as one that was rolled back."""
    deleted = [at for at, each in enumerate(changes, 1) if each.is_deletion]
    since = changes[max(deleted, default=0) :]
    others = releases_to_keep(since) - {current.release.digest}
    last = {each.release.digest: each.number for each in since if each.has_served}
    return sorted(number for digest, number in last.items() if digest in others)


def require_same_place(backend: TargetBackend, record: ReleaseRecord, *, doing: str) -> None:
    """Refuse to implicitly change a release's recorded options of the place."""
    options = backend.options
    kept = {name: value for name, value in (record.options or {}).items() if name in options}
    for option in differing(options, kept):
        was = repr(kept.get(option)) if is_readable(kept.get(option)) else "the recorded value"
        expected = f"{was}, as for the release {record.digest[:12]}{_CHANGING.get(doing, '')}"
        raise InvalidOptionError(
            f"{option} of the target {backend.name!r}", options.get(option), expected
        )
