"""Delete a service, its kept releases, and the remains of a failed deployment."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from modelship.errors import DeploymentNotFoundError, ModelshipError, TargetUnavailableError
from modelship.targets.failures import forget_failure
from modelship.targets.health import serving_one
from modelship.targets.history import Change
from modelship.targets.settling import conclude, cut_short, remove_remains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.targets.backend import TargetBackend
    from modelship.targets.instance import Instance

__all__ = ["delete"]

_PATIENCE_S: Final = 60.0


def delete(backend: TargetBackend, name: str, *, missing_ok: bool) -> None:
    """Stop the service `name`, remove everything that belongs to it alone, and record that."""
    try:
        with backend.alone(name, timeout_s=_PATIENCE_S):
            _delete(backend, name, missing_ok=missing_ok)
    except TimeoutError as error:
        raise TargetUnavailableError(
            target=backend.name,
            cause=f"another process is deploying {name!r}",
            advice="Wait for it to finish, or stop it, and delete the service again.",
        ) from error


def _delete(backend: TargetBackend, name: str, *, missing_ok: bool) -> None:
    from modelship.targets.trying import forget_differences

    removed: Sequence[str] = ()
    with suppress(ModelshipError):  # as below
        removed = backend.journal(name).remove_unreadable() or ()  # None of an older plug-in
    had_failed = forget_failure(backend.name, name)
    if mine := backend.instances(name):
        _end(backend, name, mine)
    else:
        remove_remains(backend, name)
    if not mine and not missing_ok and not had_failed:
        known = sorted({each.name for each in backend.instances()})
        raise DeploymentNotFoundError(name=name, target=backend.name, known=known, removed=removed)
    backend.releases(name).forget()
    forget_differences(backend.name, name)


def _end(backend: TargetBackend, name: str, instances: Sequence[Instance]) -> None:
    journal = backend.journal(name)
    current = serving_one(backend, instances) or instances[0]
    change = Change.begun("delete", current.release, previous=current.release.digest)
    with suppress(ModelshipError):  # an operation that frees a full disk must not need space on it
        changes = journal.changes()
        change = journal.begin(change.after(changes), *cut_short(changes))
    for instance in instances:
        backend.stop(instance)
    with suppress(ModelshipError):
        conclude(journal, change.ended("ended", "deleted"))
