"""Define EndpointSettings: the settings of a managed online endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.arm_fields import read_fields, word, write_fields
from modelship.targets.online_endpoint.endpoint_names import check_deployment_name
from modelship.targets.online_endpoint.setting_checks import (
    check_choice,
    check_kind,
    check_text,
    check_whole,
    frozen_texts,
)

__all__ = [
    "AUTH_MODES",
    "IDENTITIES",
    "MOST_MIRRORED",
    "NETWORK_ACCESS",
    "EndpointSettings",
    "IdentitySettings",
]

AUTH_MODES: Final = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
"""The values of ``auth_mode``, and Azure's words for them."""

NETWORK_ACCESS: Final = {"enabled": "Enabled", "disabled": "Disabled"}
"""The values of ``public_network_access`` and ``egress_public_network_access``."""

IDENTITIES: Final = {
    "system_assigned": "SystemAssigned",
    "user_assigned": "UserAssigned",
    "none": "None",
}
"""The values of ``identity.type``, and Azure's words for them."""

MOST_MIRRORED: Final = 50
"""The largest share of the requests of which a deployment may get copies, in percent."""

_ALL: Final = 100
_OF_IDENTITIES: Final = {"type": word("type", IDENTITIES)}
_OF_ENDPOINTS: Final = {
    "auth_mode": word("authMode", AUTH_MODES),
    "public_network_access": word("publicNetworkAccess", NETWORK_ACCESS),
}


@dataclass(frozen=True)
class IdentitySettings:
    """``identity``: what the endpoint's deployments log in as.

    Parameters
    ----------
    type : str
        ``"system_assigned"``, ``"user_assigned"`` or ``"none"``. Only the first gets the roles to
        pull images and to read models by itself.
    user_assigned_identities : tuple of str
        The resource id of the identity; exactly one for ``"user_assigned"``, else none.

    Raises
    ------
    InvalidOptionError
        If a value is another one.
    """

    type: str = "system_assigned"
    user_assigned_identities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("identity.type", self.type or "", tuple(IDENTITIES))
        given = self.user_assigned_identities
        object.__setattr__(self, "user_assigned_identities", tuple(given))
        for each in given:
            check_text("user_assigned_identities", each)
        needed = 1 if self.type == "user_assigned" else 0
        if len(given) != needed:
            expected = f"{needed} of them, since the type is {self.type!r}"
            raise InvalidOptionError("user_assigned_identities", [*given], expected)

    def to_arm(self) -> dict[str, Any]:
        """Return the value of ``identity``."""
        ids: dict[str, Any] = {each: {} for each in self.user_assigned_identities}
        return write_fields(self, _OF_IDENTITIES) | ({"userAssignedIdentities": ids} if ids else {})

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> IdentitySettings:
        """Return the settings in a value of ``identity``."""
        ids = tuple(document.get("userAssignedIdentities") or ())
        return cls(**read_fields(document, _OF_IDENTITIES), user_assigned_identities=ids)


@dataclass(frozen=True)
class EndpointSettings:
    """The settings of a managed online endpoint, by the names of ``az ml`` YAML.

    Parameters
    ----------
    auth_mode : str
        ``"key"``, ``"aml_token"`` or ``"aad_token"``: what a request has to prove who sends it.
    description : str
        One sentence; empty for none.
    tags, properties : Mapping[str, str]
        Labels; Azure ML does not change the properties afterwards.
    identity : IdentitySettings
        What the deployments log in as.
    traffic : Mapping[str, int]
        The share of each deployment in percent; they add up to 0 or 100.
    mirror_traffic : Mapping[str, int]
        The one deployment that gets copies, of 1 to 50 percent of the requests. It must have no
        traffic.
    public_network_access : str, optional
        ``"enabled"`` or ``"disabled"``: whether the endpoint can be called from outside of the
        workspace's network.

    Raises
    ------
    InvalidOptionError
        If a value is outside of its range.
    InvalidNameError
        If a key of the traffic is not a valid name of a deployment.
    """

    auth_mode: str = "key"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror_traffic: Mapping[str, int] = field(default_factory=dict)
    public_network_access: str | None = None

    def __post_init__(self) -> None:
        check_choice("auth_mode", self.auth_mode or "", tuple(AUTH_MODES))
        check_choice("public_network_access", self.public_network_access, tuple(NETWORK_ACCESS))
        check_text("description", self.description or None)
        check_kind("identity", self.identity, IdentitySettings)
        for option in ("tags", "properties"):
            object.__setattr__(self, option, frozen_texts(option, getattr(self, option)))
        for option, most in (("traffic", _ALL), ("mirror_traffic", MOST_MIRRORED)):
            shares = _frozen_shares(option, getattr(self, option), most=most)
            object.__setattr__(self, option, shares)
        _check_shares(self.traffic, self.mirror_traffic)

    def to_arm(self, *, location: str) -> dict[str, Any]:
        """Return the body of the PUT of an endpoint; `location` is the workspace's region.

        A deployment without traffic is left out, as azure-ai-ml does.
        """
        shares = {name: share for name, share in self.traffic.items() if share}
        mirrored = {name: share for name, share in self.mirror_traffic.items() if share}
        properties = write_fields(self, _OF_ENDPOINTS)
        properties |= {"traffic": shares, "mirrorTraffic": mirrored}
        properties |= {"description": self.description} if self.description else {}
        properties |= {"properties": dict(self.properties)} if self.properties else {}
        identity = self.identity.to_arm()
        return {
            "location": location,
            "identity": identity,
            "tags": dict(self.tags),
            "properties": properties,
        }

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> EndpointSettings:
        """Return the settings in the document of an endpoint; its state is ignored."""
        properties = document.get("properties") or {}
        return cls(
            **read_fields(properties, _OF_ENDPOINTS),
            description=properties.get("description") or "",
            tags=document.get("tags") or {},
            properties=properties.get("properties") or {},
            identity=IdentitySettings.from_arm(document.get("identity") or {}),
            traffic=properties.get("traffic") or {},
            mirror_traffic=properties.get("mirrorTraffic") or {},
        )


def _frozen_shares(option: str, given: object, *, most: int) -> Mapping[str, int]:
    if not isinstance(given, Mapping):
        raise InvalidOptionError(option, given, "a mapping of deployment to percent")
    for name, share in given.items():
        check_deployment_name(name)
        if share is None:
            raise InvalidOptionError(f"{option}.{name}", None, f"a whole number from 0 to {most}")
        check_whole(f"{option}.{name}", share, least=0, most=most)
    return MappingProxyType(dict(given))


def _check_shares(traffic: Mapping[str, int], mirrored: Mapping[str, int]) -> None:
    total = sum(traffic.values())
    if total not in {0, _ALL}:
        raise InvalidOptionError("traffic", dict(traffic), f"shares with a sum of 0 or {_ALL}")
    if len(mirrored) > 1:
        raise InvalidOptionError("mirror_traffic", dict(mirrored), "one deployment")
    for name, share in mirrored.items():
        if share and traffic.get(name):
            expected = "a deployment that has no traffic itself"
            raise InvalidOptionError("mirror_traffic", dict(mirrored), expected)
