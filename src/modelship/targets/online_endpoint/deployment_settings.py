"""Define DeploymentSettings: the settings of a managed online deployment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidOptionError
from modelship.targets.online_endpoint.arm_fields import (
    ArmField,
    plain,
    read_fields,
    word,
    write_fields,
)
from modelship.targets.online_endpoint.container_settings import (
    ProbeSettings,
    RequestSettings,
    ScaleSettings,
)
from modelship.targets.online_endpoint.data_collection import DataCollectorSettings
from modelship.targets.online_endpoint.endpoint_settings import NETWORK_ACCESS
from modelship.targets.online_endpoint.setting_checks import (
    check_choice,
    check_kind,
    check_switch,
    check_text,
    check_whole,
    frozen_texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_INSTANCE_TYPE", "MOST_INSTANCES", "DeploymentSettings"]

DEFAULT_INSTANCE_TYPE: Final = "Standard_DS3_v2"
"""The size that Azure's own examples use."""

MOST_INSTANCES: Final = 50
"""The most instances of one deployment."""


def _nested(name: str, kind: Any) -> ArmField:
    return ArmField(name, lambda value: value.to_arm(), kind.from_arm)


_NESTED: Final = {
    "scale_settings": _nested("scaleSettings", ScaleSettings),
    "request_settings": _nested("requestSettings", RequestSettings),
    "liveness_probe": _nested("livenessProbe", ProbeSettings),
    "readiness_probe": _nested("readinessProbe", ProbeSettings),
    "data_collector": _nested("dataCollector", DataCollectorSettings),
}
_KINDS: Final = {
    "scale_settings": ScaleSettings,
    "request_settings": RequestSettings,
    "liveness_probe": ProbeSettings,
    "readiness_probe": ProbeSettings,
    "data_collector": DataCollectorSettings,
}
_MAPPINGS: Final = ("tags", "properties", "environment_variables")
_OF_DEPLOYMENTS: Final = {
    "instance_type": plain("instanceType"),
    "model_mount_path": plain("modelMountPath"),
    "app_insights_enabled": plain("appInsightsEnabled"),
    "egress_public_network_access": word("egressPublicNetworkAccess", NETWORK_ACCESS),
    "private_network_connection": plain("privateNetworkConnection"),
    **_NESTED,
}


@dataclass(frozen=True)
class DeploymentSettings:
    """How a managed online deployment runs, by the names of ``az ml`` YAML.

    *What* runs (the model, the code, the environment) is passed to :meth:`to_arm`. A setting that
    is None is left out, so that Azure ML's own default applies.

    Parameters
    ----------
    instance_type : str
        The size of the virtual machine, such as ``"Standard_DS3_v2"``.
    instance_count : int
        The number of instances, 1 to 50.
    description : str
        One sentence; empty for none.
    tags, properties : Mapping[str, str]
        Labels.
    environment_variables : Mapping[str, str]
        Variables of the container; not shown in the repr or in messages.
    model_mount_path : str, optional
        The absolute folder of the model in a custom container.
    app_insights_enabled : bool
        Whether logs go to Application Insights.
    scale_settings : ScaleSettings, optional
        Azure's default is a fixed number of instances.
    request_settings : RequestSettings, optional
        Timeout and concurrency.
    liveness_probe, readiness_probe : ProbeSettings, optional
        When a container counts as alive, and as ready.
    data_collector : DataCollectorSettings, optional
        Which requests and answers Azure ML keeps.
    egress_public_network_access : str, optional
        ``"enabled"`` or ``"disabled"``: whether the container can reach the internet.
    private_network_connection : bool, optional
        An earlier form of the same, still in the schema of ``az ml``.

    Raises
    ------
    InvalidOptionError
        If a value has another type, or is outside of its range.
    """

    instance_type: str = DEFAULT_INSTANCE_TYPE
    instance_count: int = 1
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    environment_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    model_mount_path: str | None = None
    app_insights_enabled: bool = False
    scale_settings: ScaleSettings | None = None
    request_settings: RequestSettings | None = None
    liveness_probe: ProbeSettings | None = None
    readiness_probe: ProbeSettings | None = None
    data_collector: DataCollectorSettings | None = None
    egress_public_network_access: str | None = None
    private_network_connection: bool | None = None

    def __post_init__(self) -> None:
        check_text("instance_type", self.instance_type or "")
        check_whole("instance_count", self.instance_count or 0, least=1, most=MOST_INSTANCES)
        check_text("description", self.description or None)
        check_switch("app_insights_enabled", self.app_insights_enabled)
        check_switch("private_network_connection", self.private_network_connection)
        egress = self.egress_public_network_access
        check_choice("egress_public_network_access", egress, tuple(NETWORK_ACCESS))
        for option, kind in _KINDS.items():
            check_kind(option, getattr(self, option), kind)
        for option in _MAPPINGS:
            is_shown = option != "environment_variables"
            frozen = frozen_texts(option, getattr(self, option), is_shown=is_shown)
            object.__setattr__(self, option, frozen)
        self._check_mount_path()

    def to_arm(
        self,
        *,
        location: str,
        model: str | None = None,
        environment: str | None = None,
        code: str | None = None,
        scoring_script: str | None = None,
    ) -> dict[str, Any]:
        """Return the body of the PUT of a deployment.

        Parameters
        ----------
        location : str
            The workspace's region.
        model, environment, code : str, optional
            The ids of registered assets.
        scoring_script : str, optional
            The path of the script in the code's folder.

        Raises
        ------
        InvalidOptionError
            If the data collector has a data asset that is not registered.
        """
        configuration = {"codeId": code, "scoringScript": scoring_script} if code else None
        what = {
            "model": model,
            "environmentId": environment,
            "codeConfiguration": configuration,
            "description": self.description or None,
            "properties": dict(self.properties) or None,
            "environmentVariables": dict(self.environment_variables) or None,
        }
        given = {name: value for name, value in what.items() if value is not None}
        return {
            "location": location,
            "tags": dict(self.tags),
            "sku": {"name": "Default", "capacity": self.instance_count},
            "properties": {
                "endpointComputeType": "Managed",
                **write_fields(self, _OF_DEPLOYMENTS),
                **given,
            },
        }

    @classmethod
    def from_arm(cls, document: Mapping[str, Any]) -> DeploymentSettings:
        """Return the settings in the document of a deployment; what runs is ignored.

        Raises
        ------
        InvalidOptionError
            If a value has another type, or is outside of its range.
        """
        properties = document.get("properties") or {}
        count = (document.get("sku") or {}).get("capacity")
        return cls(
            **read_fields(properties, _OF_DEPLOYMENTS),
            instance_count=1 if count is None else count,
            description=properties.get("description") or "",
            tags=document.get("tags") or {},
            properties=properties.get("properties") or {},
            environment_variables=properties.get("environmentVariables") or {},
        )

    def _check_mount_path(self) -> None:
        found = self.model_mount_path
        check_text("model_mount_path", found)
        if found is not None and not PurePosixPath(found).is_absolute():
            raise InvalidOptionError("model_mount_path", found, "an absolute path")
