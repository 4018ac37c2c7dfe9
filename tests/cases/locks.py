"""The environments of the cases: few, each locked once in a process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from modelship import Environment
from modelship.bundle.remembered import todays_lock
from modelship.sources import Model

if TYPE_CHECKING:
    from cases.case import Laid
    from modelship.bundle.lock import Lock

__all__ = ["environment_of", "lock_of"]

_LOCKS: dict[tuple[str, tuple[str, ...]], Lock] = {}
_ONE_AT_A_TIME = threading.Lock()


def environment_of(laid: Laid) -> Environment:
    """Return what a case says of its environment, or what its model does."""
    if laid.environment is not None:
        return Environment.read(laid.environment)
    return Environment.for_model(Model.read(laid.model))


def lock_of(environment: Environment) -> Lock:
    """Return the lock of an environment; resolving takes seconds, and few cases differ in it."""
    key = (environment.python, environment.requirements)
    with _ONE_AT_A_TIME:
        if key not in _LOCKS:
            _LOCKS[key] = todays_lock(environment)
        return _LOCKS[key]
