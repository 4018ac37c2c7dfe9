"""Compare an existing endpoint with the options of the target, and change what Azure can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.online_endpoint.target_options import TargetOptions

__all__ = ["changes_wanted"]

_FIXED: Final = ("auth_mode", "identity")
_ACCESS: Final = "publicNetworkAccess"


def changes_wanted(endpoint: Mapping[str, Any], options: TargetOptions) -> dict[str, Any]:
    """Return the parts of an endpoint's document that differ from the options; empty if none do.

    An option that is not given leaves the endpoint as it is.

    Raises
    ------
    InvalidOptionError
        If an option differs that cannot be changed after the endpoint was created.
    """
    found, wanted = EndpointSettings.from_arm(endpoint), options.endpoint
    for option in _FIXED:
        now, new = getattr(found, option), getattr(wanted, option)
        if getattr(options, option) is not None and now != new:
            expected = f"{_shown(now)!r} or no value, since the endpoint has it: Azure ML sets it "
            raise InvalidOptionError(option, _shown(new), f"{expected}once, when it is created")
    changes: dict[str, Any] = {}
    missing = {key: value for key, value in wanted.tags.items() if found.tags.get(key) != value}
    if missing:
        changes["tags"] = {**found.tags, **missing}
    access = wanted.public_network_access
    if access is not None and access != (found.public_network_access or "enabled"):
        changes[_ACCESS] = wanted.to_arm(location="")["properties"][_ACCESS]
    return changes


def _shown(value: Any) -> Any:
    return getattr(value, "type", value)
