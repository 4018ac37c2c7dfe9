"""Define EndpointPlan: what a service on Container Instances becomes on an online endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from modelship.migration.conda_file import has_server
from modelship.targets.online_endpoint.container_settings import RequestSettings
from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
from modelship.targets.online_endpoint.endpoint_names import check_endpoint_name
from modelship.targets.online_endpoint.endpoint_settings import EndpointSettings
from modelship.targets.online_endpoint.instance_types import INSTANCE_TYPES, InstanceType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.migration.aci_service import AciService

__all__ = ["EndpointPlan", "PlanRow"]

Kind = Literal["same", "changed", "gone", "check"]

_TIMEOUT_MS: Final = 60_000  # of a service on Container Instances; an endpoint's own is 5 s
_AUTH_MODES: Final = {"key": "key", "token": "aml_token", "": "key"}
_SYSTEM_GB: Final = 1.0  # left to the machine's own processes; our assumption
# Without machines of one core or 4 GiB, which Azure ML advises against; the cheaper families first.
_SIZES: Final = (
    *("Standard_D2as_v4", "Standard_DS3_v2", "Standard_D4as_v4", "Standard_E4s_v3"),
    *("Standard_DS4_v2", "Standard_E8s_v3"),
)
_CORS: Final = "AML_CORS_ORIGINS"
_INSTEAD: Final = {
    "DNS name label": "the address of an endpoint has the endpoint's name",
    "domain of the certificate": "put a gateway with it in front of the endpoint",
    "virtual network": "disable public_network_access, and give the workspace a private endpoint",
    "customer-managed key": "an endpoint uses the key of its workspace",
}


@dataclass(frozen=True)
class PlanRow:
    """One property of the service.

    Parameters
    ----------
    what : str
        Its name.
    kind : {"same", "changed", "gone", "check"}
        Whether it stays the same, becomes something else, has no counterpart, or is yours to check.
    before, after : str
        What it is now, and what it becomes; ``after`` of one that is gone says what to do instead.
    """

    what: str
    kind: Kind
    before: str
    after: str = ""


@dataclass(frozen=True)
class EndpointPlan:
    """What a service becomes.

    Parameters
    ----------
    service : AciService
        The service.
    endpoint_name : str
        The name of the endpoint, which is unique in its region.
    machine : InstanceType
        The size of its one instance.
    """

    service: AciService
    endpoint_name: str
    machine: InstanceType

    @classmethod
    def of(cls, service: AciService, *, endpoint_name: str | None = None) -> EndpointPlan:
        """Return the plan for a service; its endpoint has the same name by default.

        Raises
        ------
        InvalidNameError
            If the name is not valid.
        """
        name = endpoint_name or service.name
        check_endpoint_name(name)
        return cls(service, name, machine_for(service.cpu_cores, service.memory_gb))

    @property
    def endpoint(self) -> EndpointSettings:
        """The settings of the endpoint."""
        return EndpointSettings(auth_mode=_AUTH_MODES[self.service.auth], tags=self.service.tags)

    @property
    def requests(self) -> RequestSettings:
        """The timeout that the service has now, and as many requests at once as it has workers."""
        return RequestSettings(
            request_timeout_ms=_TIMEOUT_MS,
            max_concurrent_requests_per_instance=self.service.workers,
        )

    @property
    def deployment(self) -> DeploymentSettings:
        """The settings of the deployment."""
        return DeploymentSettings(
            instance_type=self.machine.name,
            description=self.service.description,
            tags=self.service.tags,
            properties=self.service.properties,
            environment_variables=self.service.variables,
            app_insights_enabled=self.service.app_insights,
            request_settings=self.requests,
        )

    @property
    def target_options(self) -> dict[str, Any]:
        """The options of the target ``online-endpoint``."""
        return {
            "instance_type": self.machine.name,
            "request_settings": {"request_timeout_ms": _TIMEOUT_MS},
            "app_insights_enabled": self.service.app_insights,
            "auth_mode": self.endpoint.auth_mode,
            "endpoint_tags": dict(self.service.tags),
        }

    @property
    def rows(self) -> tuple[PlanRow, ...]:
        """Each property of the service, and what becomes of it."""
        return tuple(_rows(self))

    def to_document(self) -> dict[str, Any]:
        """Return the plan as a JSON object; without the values of variables."""
        return {
            "service": self.service.name,
            "endpoint": self.endpoint_name,
            "instance_type": self.machine.name,
            "rows": [vars(each) for each in self.rows],
        }


def machine_for(cpu_cores: float, memory_gb: float) -> InstanceType:
    """Return the smallest of the usual sizes that has these resources."""
    sizes = [INSTANCE_TYPES[each.casefold()] for each in _SIZES]
    large_enough = (
        each
        for each in sizes
        if each.cpu_cores >= cpu_cores and each.memory_gb >= memory_gb + _SYSTEM_GB
    )
    return next(large_enough, sizes[-1])


def _rows(plan: EndpointPlan) -> Iterator[PlanRow]:
    service = plan.service
    yield PlanRow("models", "same", ", ".join(service.model_ids) or "none")
    yield PlanRow("script", "same", service.entry_script)
    image = service.base_image or "the base image of Azure ML"
    if has_server(service.conda):
        yield PlanRow("environment", "same", image)
    else:
        yield PlanRow("environment", "changed", image, "with azureml-inference-server-http")
    yield from _of_size(plan)
    yield from _of_requests(plan)
    yield from _of_labels(service)
    for what, value in service.place_settings.items():
        yield PlanRow(what, "gone", value, _INSTEAD[what])
    if service.has_tls:
        yield PlanRow("certificate", "gone", "its own", "an endpoint has one of Azure's")
    if len(service.model_ids) > 1:
        after = "a deployment has one: register a folder with all of them, and change the script"
        yield PlanRow("several models", "check", str(len(service.model_ids)), after)


def _of_size(plan: EndpointPlan) -> Iterator[PlanRow]:
    service, machine = plan.service, plan.machine
    cores = f"{service.cpu_cores:g} core{'s' * (service.cpu_cores != 1)}"
    before = f"{cores}, {service.memory_gb:g} GiB"
    has = f"{machine.cpu_cores} cores, {machine.memory_gb:g} GiB"
    yield PlanRow("resources", "changed", before, f"1 x {machine.name} ({has})")
    needed = f"{machine.quota_cores(1)} cores of {machine.family}"
    yield PlanRow("quota", "check", "container groups", f"{needed}; the machine always runs")


def _of_requests(plan: EndpointPlan) -> Iterator[PlanRow]:
    service = plan.service
    if service.scoring_uri:
        after = f"another host; callers change to the address of the endpoint {plan.endpoint_name}"
        yield PlanRow("address", "changed", service.scoring_uri, after)
    after = f"{plan.endpoint.auth_mode}, in the header Authorization: Bearer"
    if service.auth:
        yield PlanRow("authentication", "same", service.auth, after)
        shown = f"new ones: modelship keys {plan.endpoint_name} -t online-endpoint shows them"
        yield PlanRow("keys", "changed", "its own", shown)
    else:
        yield PlanRow("authentication", "changed", "none", f"{after}; an endpoint always needs it")
    yield PlanRow("timeout", "same", "60 s", f"request_timeout_ms: {_TIMEOUT_MS}")
    at_once = f"max_concurrent_requests_per_instance: {service.workers}"
    yield PlanRow("workers", "same", str(service.workers), f"{at_once}; 429 beyond twice that")


def _of_labels(service: AciService) -> Iterator[PlanRow]:
    if service.variables:
        yield PlanRow("variables", "same", ", ".join(sorted(service.variables)))
    if service.variables.get(_CORS):
        after = "the front of an endpoint answers no CORS requests: call it from a server"
        yield PlanRow("web pages", "gone", _CORS, after)
    if service.tags:
        yield PlanRow("tags", "same", ", ".join(sorted(service.tags)))
    if service.app_insights:
        yield PlanRow("logs", "same", "Application Insights", "app_insights_enabled: true")
