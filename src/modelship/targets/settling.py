"""Determine the outcome of changes that were interrupted, and record it.

A killed deployer leaves its change in progress, and possibly instances that nobody waits for. The
next holder of the name's lock settles that: the release that the name actually serves determines
the outcome of the change.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from modelship.errors import ModelshipError
from modelship.progress import Deadline
from modelship.targets.backend import SupportsReplace, SupportsRoute
from modelship.targets.ended_releases import ended_by_itself
from modelship.targets.health import serving_one
from modelship.targets.instance import Instance
from modelship.targets.release import ReleaseRecord
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modelship.progress import Steps
    from modelship.targets.backend import TargetBackend
    from modelship.targets.history import Change, Journal

__all__ = [
    "DRAIN_S",
    "bounded",
    "conclude",
    "cut_short",
    "history",
    "may_go_on",
    "remove_remains",
    "retire_older",
    "settle",
    "switch",
    "switch_back",
    "to_record_the_outcome",
]

DRAIN_S: Final = 40.0
"""The grace period of requests in progress, in seconds; longer than that of either server: 30 s."""

_CUT_SHORT: Final = "the process that made the change was terminated before it finished"
_OUTCOME_S: Final = 30.0
_LONGEST: Final = timedelta(hours=1)


def to_record_the_outcome(deadline: Deadline) -> Deadline:
    """Return the deadline of what is recorded in the end, which also gets some time after it."""
    return Deadline(max(deadline.remaining_s, _OUTCOME_S))


@contextmanager
def bounded(steps: Steps, name: str) -> Iterator[None]:
    """Run the body as the step `name`, without a line for it.

    Raises
    ------
    DeadlineExceededError
        If no time is left; also if the body fails then, since the deadline has ended its requests.
    """
    steps.deadline.check()
    steps.current = name
    try:
        yield
    except ModelshipError:
        steps.deadline.check()
        raise


def conclude(journal: Journal, change: Change) -> None:
    """Record the outcome of a change; the previously served release has then ended."""
    has_replaced = change.outcome in {"serving", "ended"}
    before = [each for each in journal.changes() if each.number != change.number]
    verb = "deleted" if change.kind == "delete" else "replaced"
    ended = [
        replace(each.ended("ended", f"{verb} by change {change.number}"), ended_at=change.ended_at)
        for each in before
        if each.outcome == "serving" and has_replaced
    ]
    journal.write(*ended, change)


def cut_short(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that are recorded as in progress, and have no running deployer."""
    return [each.ended("failed", _CUT_SHORT) for each in changes if each.outcome == "under way"]


def history(backend: TargetBackend, name: str) -> tuple[Change, ...]:
    """Return the changes of a name, oldest first, in agreement with what the name serves now.

    Changes that a killed deployer left in progress are settled first, unless a deployment is
    running.
    """
    journal = backend.journal(name)
    if any(each.outcome == "under way" for each in journal.changes()):
        try:
            with backend.alone(name, timeout_s=0):
                settle(backend, name)
        except TimeoutError:
            return tuple(journal.changes())
    changes = tuple(journal.changes())
    return changes if _is_under_way(changes) else _told(backend, name, changes)


def settle(backend: TargetBackend, name: str) -> Change | None:
    """Determine the outcome of changes in progress that have no running deployer.

    Return the change that a process of another machine may still be making, or None. The caller
    holds the name's lock. Instances of a killed deployer are stopped: a new one to which
    no requests are routed, or those that it was about to replace.
    """
    journal = backend.journal(name)
    changes = journal.changes()
    if not _is_under_way(changes):
        return None
    if may_go_on(changes[-1]):
        return changes[-1]
    for change in changes:
        if change.outcome == "under way":
            instances = backend.instances(name)
            serving = serving_one(backend, instances)
            if isinstance(backend, SupportsReplace) and _is_moving(backend, serving):
                return None  # the place continues it
            if serving is not None and not _is_proven(backend, serving, change):
                older = [each for each in instances if each.created_at < change.began_at]
                serving = serving_one(backend, older)
            _serve_alone(backend, serving, instances)
            settled = _settled(backend, change, serving)
            if not instances or settled.outcome == "failed":
                remove_remains(backend, name, of=change.release)
            conclude(journal, settled)
    return None


def _is_under_way(changes: Sequence[Change]) -> bool:
    return any(each.outcome == "under way" for each in changes)


def may_go_on(change: Change) -> bool:
    """Return whether a process of another machine, whose locks are not visible here, may run it.

    After an hour, none does.
    """
    if change.is_of_this_machine or change.outcome != "under way":
        return False
    try:
        return datetime.now(timezone.utc) - datetime.fromisoformat(change.began_at) < _LONGEST
    except (ValueError, TypeError):  # not a time, or one without a time zone
        return False


def _is_moving(backend: TargetBackend, instance: Instance | None) -> bool:
    return instance is not None and backend.observe(instance).state is State.TRANSITIONING


def _is_new(instance: Instance, change: Change) -> bool:
    """Return whether a change has started this instance."""
    is_release = instance.release.digest == change.release.digest
    return change.kind != "delete" and is_release and instance.created_at >= change.began_at


def _is_proven(backend: TargetBackend, instance: Instance, change: Change) -> bool:
    """Return whether requests may be routed to an instance: an older one, or a healthy new one."""
    if not _is_new(instance, change):
        return True
    return instance.routed and backend.observe(instance).state is State.HEALTHY


def _serve_alone(
    backend: TargetBackend, serving: Instance | None, instances: Sequence[Instance]
) -> None:
    """Route requests to one instance, and stop all others."""
    if isinstance(backend, SupportsReplace):
        return
    others = [
        each for each in instances if serving is None or each.instance_id != serving.instance_id
    ]
    if isinstance(backend, SupportsRoute) and serving is not None:
        if not serving.routed:
            switch_back(backend, serving, off=())
        close_gates(backend, others)
    for each in others:
        backend.stop(each, grace_s=DRAIN_S)


def remove_remains(backend: TargetBackend, name: str, *, of: ReleaseRecord | None = None) -> None:
    """Remove what a place has made for an instance of a release that does not exist."""
    if not isinstance(backend, SupportsReplace):
        unique = f"{name}-{secrets.token_hex(4)}"
        backend.stop(Instance(unique, name, "", release=of or ReleaseRecord()))


def _settled(backend: TargetBackend, change: Change, serving: Instance | None) -> Change:
    if change.kind == "delete" and serving is None:
        return change.ended("ended", "deleted")
    if serving is None:
        return change.ended("failed", f"{_CUT_SHORT}; nothing serves")
    if change.kind == "delete":
        return change.ended("failed", f"{_CUT_SHORT}; {_rest(backend, serving)}")
    if _is_new(serving, change):
        return change.ended("serving")
    has_ended = backend.observe(serving).state is State.FAILED
    verb = "has stopped by itself" if has_ended else "keeps serving"
    return change.ended("failed", f"{_CUT_SHORT}; the previous release {verb}")


def _rest(backend: TargetBackend, serving: Instance) -> str:
    """Return what an unfinished deletion has left, and how to finish it."""
    is_gone = backend.observe(serving).state is State.FAILED
    rest = "parts of the service still exist" if is_gone else "the service still runs"
    return f"{rest}: modelship delete {serving.name} finishes it"


def _told(backend: TargetBackend, name: str, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes; one that is recorded as serving, and no longer serves, has ended."""
    if not any(each.outcome == "serving" for each in changes):
        return changes
    serving = serving_one(backend, backend.instances(name))
    ended = {each.number: each for each in ended_by_itself(backend, changes, serving)}
    return tuple(ended.get(each.number, each) for each in changes)


def switch(backend: SupportsRoute, to: Instance, *, off: Iterable[Instance]) -> None:
    """Route requests to one instance, and then no longer to the others.

    The order leaves no moment without an open instance.

    Raises
    ------
    ModelshipError
        If the instance cannot accept them.
    """
    backend.accept(to, on=True)
    close_gates(backend, off)


def switch_back(backend: SupportsRoute, to: Instance, *, off: Iterable[Instance]) -> None:
    """Undo an interrupted switch; if `to` has exited, nothing serves."""
    with suppress(ModelshipError):
        switch(backend, to, off=off)


def close_gates(backend: SupportsRoute, instances: Iterable[Instance]) -> None:
    """Route no more requests to instances, which is necessary even if they are stopped next.

    An instance that ends with an open gate takes itself for the last one behind the address, and
    lets no further connection come.
    """
    for each in instances:
        backend.accept(each, on=False)


def retire_older(backend: TargetBackend, instance: Instance, older: Iterable[Instance]) -> None:
    """Stop the instances that `instance` has replaced.

    Where no lock separates two deployers, as on an engine that two machines share, the newest
    instance is the one that stays.
    """
    if isinstance(backend, SupportsReplace):
        return
    known = {each.instance_id: each for each in older}
    there = backend.instances(instance.name)
    others = [each for each in there if each.instance_id != instance.instance_id]
    for each in others:
        if each.instance_id in known or _age(each) < _age(instance):
            backend.retire(known.get(each.instance_id, each), grace_s=DRAIN_S)


def _age(instance: Instance) -> tuple[str, str]:
    return instance.created_at, instance.instance_id
