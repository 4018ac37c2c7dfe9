"""Define TargetOptions: the options of the target ``online-endpoint``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError, nearest
from modelship.targets.online_endpoint.container_settings import (
    DEFAULT_REQUESTS,
    ProbeSettings,
    RequestSettings,
    ScaleSettings,
)
from modelship.targets.online_endpoint.data_collection import (
    CollectionSettings,
    DataCollectorSettings,
)
from modelship.targets.online_endpoint.deployment_settings import (
    DEFAULT_INSTANCE_TYPE,
    DeploymentSettings,
)
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings, IdentitySettings
from modelship.targets.online_endpoint.instance_types import instance_type_of

if TYPE_CHECKING:
    from modelship.bundle.profile import Profile
    from modelship.targets.online_endpoint.instance_types import InstanceType

__all__ = ["DEFAULT_IMAGE", "TargetOptions"]

DEFAULT_IMAGE: Final = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
"""The base image of the environment; Azure ML installs the packages of the lock on it."""

_DEFAULTS: Final = {
    "instance_type": DEFAULT_INSTANCE_TYPE,
    "instance_count": 1,
    "app_insights_enabled": False,
    "egress_public_network_access": "enabled",
}
_REPOSITORY: Final = re.compile(
    r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
)


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The options of a managed online endpoint and of its deployments; see the backend for each.

    The settings that have parts are mappings with the names of ``az ml`` YAML.

    Raises
    ------
    InvalidOptionError
        If an option has an invalid value.
    """

    instance_type: str | None = None
    instance_count: int | None = None
    request_settings: Mapping[str, Any] | None = None
    liveness_probe: Mapping[str, Any] | None = None
    readiness_probe: Mapping[str, Any] | None = None
    scale_settings: Mapping[str, Any] | None = None
    app_insights_enabled: bool | None = None
    egress_public_network_access: str | None = None
    data_collector: Mapping[str, Any] | None = None
    base_image: str | None = None
    registry: str | None = None
    auth_mode: str | None = None
    public_network_access: str | None = None
    identity: Mapping[str, Any] | None = None
    endpoint_tags: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        _ = self.endpoint, self.deployment  # they check every value
        if self.base_image is not None and not str(self.base_image).strip():
            raise InvalidOptionError("base_image", self.base_image, "the name of an image")
        _check_registry(self.registry)

    def __getstate__(self) -> dict[str, object]:
        """Return the options; the settings that are made of them cannot be pickled."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def recorded(self) -> dict[str, object]:
        """Return the options by name, as part of a release.

        One that is not given is None, and so is one that is the default of a deployment: it is the
        same release then. An option of the endpoint stays: not given, it leaves the endpoint as it
        is.
        """
        given = self.__getstate__()
        same = [name for name, default in _DEFAULTS.items() if given[name] == default]
        return given | dict.fromkeys(same)

    @cached_property
    def endpoint(self) -> EndpointSettings:
        """The settings of a new endpoint."""
        given = {
            "auth_mode": self.auth_mode,
            "public_network_access": self.public_network_access,
            "identity": _parts("identity", self.identity, IdentitySettings),
            "tags": self.endpoint_tags,
        }
        return EndpointSettings(**{name: value for name, value in given.items() if value})

    @cached_property
    def deployment(self) -> DeploymentSettings:
        """The settings of a deployment; those that depend on a release are not among them."""
        given = {
            "instance_type": self.instance_type,
            "instance_count": self.instance_count,
            "app_insights_enabled": self.app_insights_enabled,
            "egress_public_network_access": self.egress_public_network_access,
            "request_settings": _parts("request_settings", self.request_settings, RequestSettings),
            "liveness_probe": _parts("liveness_probe", self.liveness_probe, ProbeSettings),
            "readiness_probe": _parts("readiness_probe", self.readiness_probe, ProbeSettings),
            "scale_settings": _parts("scale_settings", self.scale_settings, ScaleSettings),
            "data_collector": _collector(self.data_collector),
        }
        return DeploymentSettings(
            **{name: value for name, value in given.items() if value is not None}
        )

    @property
    def machine(self) -> InstanceType | None:
        """The size of the instances; None if it is not a documented one."""
        return instance_type_of(self.instance_type or DEFAULT_INSTANCE_TYPE)

    @property
    def timeout_s(self) -> float:
        """The longest request, in seconds."""
        requests = (self.deployment.request_settings or RequestSettings()).with_defaults()
        return (requests.request_timeout_ms or DEFAULT_REQUESTS.request_timeout_ms or 0) / 1000

    def limited(self, profile: Profile) -> Profile:
        """Return the limits of a managed online endpoint with these options."""
        profile = profile.replace(scoring_timeout_s=self.timeout_s)
        machine = self.machine
        if machine is None:
            return profile
        # One instance is one machine, and the bundle has it alone.
        return profile.replace(
            cpu_cores=(0.0, float(machine.cpu_cores)),  # type: ignore[arg-type]  # a range
            memory_gb=(0.0, float(machine.memory_gb)),  # type: ignore[arg-type]  # a range
        )


def _parts(option: str, given: object, kind: Any) -> Any:
    """Return the settings that a mapping describes; None if there are none."""
    if given is None or isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise InvalidOptionError(option, given, f"a mapping with {_names(kind)}")
    known = [each.name for each in fields(kind)]
    for name in given:
        if name not in known:
            expected = f"one of {', '.join(known)}{nearest(str(name), known)}"
            raise InvalidOptionError(f"a setting of {option}", name, expected)
    return kind(**given)


def _names(kind: Any) -> str:
    return ", ".join(each.name for each in fields(kind))


def _collector(given: object) -> DataCollectorSettings | None:
    if not isinstance(given, Mapping) or "collections" not in given:
        return _parts("data_collector", given, DataCollectorSettings)  # type: ignore[no-any-return]  # it is one
    collections = {
        str(name): _parts(f"data_collector.collections.{name}", each, CollectionSettings)
        for name, each in dict(given["collections"] or {}).items()
    }
    changed = {**given, "collections": collections}
    return _parts("data_collector", changed, DataCollectorSettings)  # type: ignore[no-any-return]  # it is one


def _check_registry(found: object) -> None:
    """Refuse a repository that is neither None nor one of a named registry.

    Raises
    ------
    InvalidOptionError
        If it is another value.
    """
    if found is not None and not (isinstance(found, str) and _REPOSITORY.fullmatch(found)):
        expected = "a repository without a tag, such as 'myregistry.azurecr.io/digits'"
        raise InvalidOptionError("registry", found, expected)
