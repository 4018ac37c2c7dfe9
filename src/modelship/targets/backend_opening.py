"""Make the backend of a target from its name and options."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.registry import check_options
from modelship.targets.backend import TargetBackend
from modelship.targets.known import TARGETS
from modelship.targets.release import Serving

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["checked", "opened"]

# Also by their earlier names, as options of a target.
_OF_SERVING: Final = {
    **{each.name: each.name for each in fields(Serving)},
    "auth_enabled": "auth",
    "profile": "limits",
}


def opened(name: str, options: Mapping[str, Any]) -> TargetBackend:
    """Return the backend of the target `name`, made with `options`.

    Raises
    ------
    UnknownPluginError
        If there is no such target.
    InvalidOptionError
        If the target has no such option, or needs one that is not given.
    """
    backend_class = TARGETS.load(name)
    for option in options:
        if option in _OF_SERVING:  # its value may be a secret: it is not shown
            given = f"serving=Serving({_OF_SERVING[option]}=...)"
            expected = f"an option of the place; for the service, pass deploy() {given}"
            raise InvalidOptionError(f"an option of the target {name!r}", option, expected)
    check_options(f"the target {name!r}", backend_class, options)
    backend: TargetBackend = backend_class(**options)
    return backend


def checked(backend: object) -> TargetBackend:
    """Return `backend`; raise InvalidOptionError if it is none."""
    if isinstance(backend, TargetBackend):
        return backend
    name = backend if isinstance(backend, str) else "process"
    raise InvalidOptionError(
        option="DeployTarget(backend)",
        found=backend,
        expected=f"a TargetBackend; to open a target by its name, call DeployTarget.open({name!r})",
    )
