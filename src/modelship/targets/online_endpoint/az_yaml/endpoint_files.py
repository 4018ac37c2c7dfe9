"""Read the files of ``az ml online-endpoint`` and ``az ml online-deployment``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.online_endpoint.az_yaml.asset_reading import (
    READ_ONLY,
    code_configuration,
    environment,
    model,
)
from modelship.targets.online_endpoint.az_yaml.yaml_tree import read_tree
from modelship.targets.online_endpoint.az_yaml.yaml_values import (
    built,
    choice,
    each_of,
    number,
    record,
    settings,
    switch,
    text,
    texts,
    whole,
)
from modelship.targets.online_endpoint.container_settings import (
    ProbeSettings,
    RequestSettings,
    ScaleSettings,
)
from modelship.targets.online_endpoint.data_collection import (
    CollectionSettings,
    DataCollectorSettings,
    NamedData,
)
from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
from modelship.targets.online_endpoint.endpoint_names import (
    check_deployment_name,
    check_endpoint_name,
)
from modelship.targets.online_endpoint.endpoint_settings import (
    AUTH_MODES,
    IDENTITIES,
    NETWORK_ACCESS,
    EndpointSettings,
    IdentitySettings,
)

if TYPE_CHECKING:
    from modelship.targets.online_endpoint.az_yaml.asset_values import (
        CodeConfiguration,
        InlineEnvironment,
        InlineModel,
    )
    from modelship.targets.online_endpoint.az_yaml.yaml_tree import YamlValue
    from modelship.targets.online_endpoint.az_yaml.yaml_values import Table

__all__ = [
    "OnlineDeploymentFile",
    "OnlineEndpointFile",
    "read_deployment",
    "read_endpoint",
    "read_file",
]


@dataclass(frozen=True)
class OnlineEndpointFile:
    """The content of an endpoint file: its name, and its settings.

    Raises
    ------
    InvalidNameError
        If the name is not valid.
    """

    name: str
    settings: EndpointSettings

    def __post_init__(self) -> None:
        check_endpoint_name(self.name)


@dataclass(frozen=True)
class OnlineDeploymentFile:
    """The content of a deployment file.

    Parameters
    ----------
    name, endpoint_name : str
        The names of the deployment and of its endpoint.
    settings : DeploymentSettings
        How it runs.
    model : InlineModel or str, optional
        The files of a model, or a reference to a registered one.
    environment : InlineEnvironment or str, optional
        An image and its packages, or a reference to a registered environment.
    code_configuration : CodeConfiguration, optional
        The code's folder, and the script in it; none for an MLflow model or a server of your own.

    Raises
    ------
    InvalidNameError
        If a name is not valid.
    """

    name: str
    endpoint_name: str
    settings: DeploymentSettings
    model: InlineModel | str | None = None
    environment: InlineEnvironment | str | None = None
    code_configuration: CodeConfiguration | None = None

    def __post_init__(self) -> None:
        check_deployment_name(self.name)
        check_endpoint_name(self.endpoint_name)


def read_endpoint(path: str | Path) -> OnlineEndpointFile:
    """Read an endpoint file.

    Raises
    ------
    DeploymentFileError
        If it is invalid; with the line.
    """
    return _endpoint(read_tree(Path(path)))


def read_deployment(path: str | Path) -> OnlineDeploymentFile:
    """Read a deployment file; the paths in it are relative to its folder.

    Raises
    ------
    DeploymentFileError
        If it is invalid; with the line.
    """
    return _deployment(read_tree(Path(path)))


def read_file(path: str | Path) -> OnlineDeploymentFile | OnlineEndpointFile:
    """Read a file of either kind: only that of a deployment says of which endpoint it is.

    Raises
    ------
    DeploymentFileError
        If it is invalid; with the line.
    """
    node = read_tree(Path(path))
    is_deployment = not {"endpoint_name", *_OF_DEPLOYMENTS, *_WHAT}.isdisjoint(
        {*node.keys} - {"name", *_LABELS}
    )
    return _deployment(node) if is_deployment else _endpoint(node)


def _endpoint(node: YamlValue) -> OnlineEndpointFile:
    if "compute" in node.keys:
        problem = "compute is for endpoints on Kubernetes; only managed endpoints are supported."
        raise node.keys["compute"].error(problem)
    ignored = READ_ONLY | {"location", "kind", "scoring_uri", "openapi_uri"}
    given = record(node, "", {"name": text, **_OF_ENDPOINTS}, required=("name",), ignored=ignored)
    name = given.pop("name")
    made = built(node, "", EndpointSettings, given)
    return built(node, "", OnlineEndpointFile, {"name": name, "settings": made})


def _deployment(node: YamlValue) -> OnlineDeploymentFile:
    _refuse_kubernetes(node)
    required = ("name", "endpoint_name", "instance_type")
    table = {**_OF_DEPLOYMENTS, **_WHAT}
    given = record(node, "", table, required=required, ignored=READ_ONLY | {"type"})
    what = {key: given.pop(key) for key in _WHAT if key in given}
    made = built(node, "", DeploymentSettings, given)
    return built(node, "", OnlineDeploymentFile, {**what, "settings": made})


def _refuse_kubernetes(node: YamlValue) -> None:
    if "type" not in node.keys:
        return
    if choice("managed", "kubernetes")(node.keys["type"], "type") != "managed":
        problem = "type is 'kubernetes'; only managed deployments are supported."
        raise node.keys["type"].error(problem)


def _collection_enabled(node: YamlValue, where: str) -> bool:
    """Read a switch of a collection, which ``az ml`` accepts only in quotes."""
    return bool(choice("true", "false")(node, where) == "true")


def _data(node: YamlValue, where: str) -> Any:
    parts = {"name": text, "path": text, "version": text, "data_id": text}
    if not isinstance(node.content, Mapping):
        return text(node, where)
    given = record(node, where, parts)
    return given["data_id"] if "data_id" in given else built(node, where, NamedData, given)


def _collector(**given: Any) -> DataCollectorSettings:
    logging = given.pop("request_logging", {})
    return DataCollectorSettings(**given, capture_headers=logging.get("capture_headers", ()))


def _texts_in_list(node: YamlValue, where: str) -> tuple[str, ...]:
    if not isinstance(node.content, tuple):
        raise node.error(f"{where} is not a list.")
    return tuple(text(each, where) for each in node.content)


def _identities(node: YamlValue, where: str) -> tuple[str, ...]:
    if not isinstance(node.content, tuple):
        raise node.error(f"{where} is not a list.")
    parts = {"resource_id": text, "client_id": text, "object_id": text, "principal_id": text}
    read = [record(each, where, parts, required=("resource_id",)) for each in node.content]
    return tuple(each["resource_id"] for each in read)


_PROBE: Final = settings(
    ProbeSettings,
    dict.fromkeys(
        ("initial_delay", "period", "timeout", "success_threshold", "failure_threshold"), whole
    ),
)
_COLLECTION: Final = settings(
    CollectionSettings,
    {"enabled": _collection_enabled, "data": _data, "client_id": text},
    required=("enabled",),
)
_LOGGING: Final = partial(record, table={"capture_headers": _texts_in_list})
_COLLECTOR: Final = settings(
    _collector,
    {
        "collections": each_of(_COLLECTION),
        "rolling_rate": choice("minute", "hour", "day"),
        "sampling_rate": number,
        "request_logging": _LOGGING,
    },
    required=("collections",),
)
_SCALE: Final = settings(
    ScaleSettings, {"type": choice("default", "target_utilization")}, required=("type",)
)
_REQUESTS: Final = settings(
    RequestSettings,
    dict.fromkeys(
        ("request_timeout_ms", "max_concurrent_requests_per_instance", "max_queue_wait_ms"), whole
    ),
)
_LABELS: Final[Table] = {"description": text, "tags": texts, "properties": texts}
_OF_DEPLOYMENTS: Final[Table] = {
    "instance_type": text,
    "instance_count": whole,
    **_LABELS,
    "environment_variables": partial(texts, is_shown=False),
    "model_mount_path": text,
    "app_insights_enabled": switch,
    "scale_settings": _SCALE,
    "request_settings": _REQUESTS,
    "liveness_probe": _PROBE,
    "readiness_probe": _PROBE,
    "data_collector": _COLLECTOR,
    "egress_public_network_access": choice(*NETWORK_ACCESS),
    "private_network_connection": switch,
}
_WHAT: Final[Table] = {
    "name": text,
    "endpoint_name": text,
    "model": model,
    "environment": environment,
    "code_configuration": code_configuration,
}
_OF_ENDPOINTS: Final[Table] = {
    "auth_mode": choice(*AUTH_MODES),
    **_LABELS,
    "identity": settings(
        IdentitySettings,
        {
            "type": choice(*IDENTITIES),
            "user_assigned_identities": _identities,
        },
        required=("type",),
    ),
    "traffic": each_of(whole),
    "mirror_traffic": each_of(whole),
    "public_network_access": choice(*NETWORK_ACCESS),
}
