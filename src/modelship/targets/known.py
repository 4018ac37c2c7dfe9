"""List the targets by name and the options of Serving that each supports, and open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.registry import Registry, check_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.backend import TargetBackend

__all__ = ["TARGETS", "opened", "targets_that_keep"]

TARGETS: Final = Registry(
    kind="target",
    group="modelship.targets",
    builtins={
        "process": "modelship.targets.process:ProcessBackend",
        "docker": "modelship.targets.docker:DockerBackend",
        "aci": "modelship.targets.aci:AciBackend",
        "online-endpoint": "modelship.targets.online_endpoint:OnlineEndpointBackend",
        "memory": "modelship.testing.memory:MemoryBackend",
    },
)

_FOR_USERS: Final = ("process", "docker", "aci", "online-endpoint")
# Of options of Serving, as options of a target.
_EARLIER_NAMES: Final = {"auth_enabled": "auth", "profile": "limits"}


def targets_that_keep(option: str) -> tuple[str, ...]:
    """Return the names of our own targets that support an option of Serving."""
    return tuple(each for each in _FOR_USERS if option in TARGETS.load(each).serves)


def opened(name: str, options: Mapping[str, Any]) -> TargetBackend:
    """Return the backend of the target `name`, made with `options`.

    Raises
    ------
    UnknownPluginError
        If there is no such target.
    InvalidOptionError
        If the target has no such option, or needs one that is not given.
    """
    from modelship.targets.release import Serving

    backend_class = TARGETS.load(name)
    for option in options:
        of_serving = _EARLIER_NAMES.get(option, option)
        if of_serving in Serving.__dataclass_fields__:  # its value may be a secret: it is not shown
            given = f"serving=Serving({of_serving}=...)"
            expected = f"an option of the place; for the service, pass deploy() {given}"
            raise InvalidOptionError(f"an option of the target {name!r}", option, expected)
    check_options(f"the target {name!r}", backend_class, options)
    backend: TargetBackend = backend_class(**options)
    return backend
