"""Check a request for an online deployment, and translate it into what the workspace runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import InvalidNameError, InvalidOptionError
from modelship.targets.online_endpoint.deployment_settings import DeploymentSettings
from modelship.targets.online_endpoint.endpoint_names import check_deployment_name
from modelship.targets.online_endpoint.instance_types import instance_type_of
from modelship.testing.offline.json_exchange import check_shape, optional
from modelship.testing.offline.service_documents import MANAGED, OWN
from modelship.testing.offline.v2 import arm_ids
from modelship.testing.offline.v2.arm_refusals import ArmRefusalError, bad_request, not_found
from modelship.testing.offline.v2.custom_environments import custom_request, is_custom
from modelship.testing.offline.v2.managed_failures import quota_details, quota_message
from modelship.testing.offline.v2.mlflow_deployments import is_mlflow, mlflow_request
from modelship.testing.offline.v2.online_documents import ARM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.testing.offline.compute import Kind
    from modelship.testing.offline.document_store import Store

__all__ = [
    "SHAPE",
    "check_deployment",
    "check_quota",
    "image_request",
    "managed_deployments",
    "resources_of",
]

SHAPE: Final[dict[str, Any]] = {
    "tags": optional(dict),
    "sku": optional(dict),
    "properties": {
        "model": optional(str, dict),
        "environmentId": optional(str),
        "codeConfiguration": optional(dict),
        "instanceType": optional(str),
        "environmentVariables": optional(dict),
        "requestSettings": optional(dict),
        "properties": optional(dict),
    },
}
"""The shape of the body of a request."""

QUOTA_CORES: Final = 100
"""The cores of each family of machines that the subscription may use at once."""

# The default of the server, since the front has a timeout of its own.
_DEFAULT_VARIABLES: Final = {"SCORING_TIMEOUT_MS": "3600000"}
_UNKNOWN_SIZE: Final = (4.0, 14.0)  # as Standard_DS3_v2
_NO_CONDA: Final = (
    "The environment {name} has no conda file, and its image cannot be run offline. Add conda_file "
    "to the environment, with azureml-inference-server-http in it; or inference_config, if the "
    "image has a server of its own."
)
_NO_CODE: Final = (
    "The deployment has no code_configuration. An offline workspace runs that only of a model of "
    "the type mlflow_model without an environment, or of an environment with inference_config, not "
    "Triton: add a scoring script and an environment with a conda file."
)


def check_deployment(name: str, wanted: Mapping[str, Any]) -> DeploymentSettings:
    """Return the settings of a deployment, or refuse the request for it.

    Raises
    ------
    ArmRefusalError
        With the status and the message of the response.
    """
    try:
        check_deployment_name(name)
        settings = DeploymentSettings.from_arm(wanted)
    except (InvalidNameError, InvalidOptionError, ValueError) as error:
        raise bad_request(str(error), code="BadArgument") from None
    kind = str(wanted["properties"].get("endpointComputeType") or "Managed")
    if kind.casefold() != "managed":
        raise bad_request(f"An offline workspace has no online endpoints of the type {kind}.")
    return settings


def resources_of(settings: DeploymentSettings) -> tuple[float, float]:
    """Return the cores, and the memory in GB, of an instance."""
    size = instance_type_of(settings.instance_type)
    return (float(size.cpu_cores), float(size.memory_gb)) if size else _UNKNOWN_SIZE


def check_quota(settings: DeploymentSettings, others: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a deployment that exceeds the quota; `others` are the documents of services.

    Raises
    ------
    ArmRefusalError
        With the quota, as Azure nests it.
    """
    size = instance_type_of(settings.instance_type)
    if size is None:
        return
    used = 0
    for each in others:
        found = DeploymentSettings.from_arm(each[ARM])
        theirs = instance_type_of(found.instance_type)
        if theirs and theirs.family == size.family:
            used += theirs.quota_cores(found.instance_count)
    needed = size.quota_cores(settings.instance_count)
    if used + needed > QUOTA_CORES:
        message = quota_message(size=size.name, limit=QUOTA_CORES, usage=used, needed=needed)
        raise ArmRefusalError(400, "BadRequest", message, quota_details(message))


def image_request(
    store: Store, wanted: Mapping[str, Any], *, compute: Kind = "process"
) -> dict[str, Any]:
    """Return what a deployment runs, in the format of SDK v1: an image request.

    `compute` is what runs it; an image with a server of its own needs ``"docker"``.

    Raises
    ------
    ArmRefusalError
        If an asset is missing, or cannot be run here.
    """
    asked = wanted["properties"]
    model = _model(store, asked.get("model"))
    custom = _custom(store, asked.get("environmentId"))
    has_code = bool(asked.get("codeConfiguration"))
    if custom is not None:
        found = custom_request(custom, compute=compute, has_code=has_code)
    elif has_code:
        found = _from_code(store, asked)
    elif model is not None and is_mlflow(model) and not asked.get("environmentId"):
        found = mlflow_request(store, model)
    else:
        raise bad_request(_NO_CODE)
    environment = found["environment"]
    variables = {
        **({} if custom else _DEFAULT_VARIABLES),
        **(environment.get("environmentVariables") or {}),
        **(asked.get("environmentVariables") or {}),
    }
    return {
        **found,
        "modelIds": [model["id"]] if model else [],
        "environment": {**environment, "environmentVariables": variables},
    }


def _from_code(store: Store, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the script, the code and the environment of a deployment."""
    configuration = asked["codeConfiguration"]
    check_shape(configuration, {"codeId": str, "scoringScript": str})
    source = arm_ids.code_version(store, configuration["codeId"])
    if source is None:
        raise not_found("code", configuration["codeId"])
    if not asked.get("environmentId"):
        raise bad_request("The deployment has a scoring script, and no environment to run it in.")
    return {
        "driverProgram": configuration["scoringScript"].removeprefix("./"),
        "assets": [{"id": "code", "url": "", "prefix": source["prefix"]}],
        "environment": _environment(store, asked["environmentId"]),
    }


def _custom(store: Store, arm_id: str | None) -> dict[str, Any] | None:
    """Return an environment whose image has a server of its own, or None."""
    found = arm_ids.environment_version(store, arm_id) if arm_id else None
    return found if found and is_custom(found) else None


def managed_deployments(store: Store, *, without: str = "") -> list[dict[str, Any]]:
    """Return the documents of all online deployments, except that with the key `without`."""
    found = [each for each in store.documents("services").all() if each["computeType"] == MANAGED]
    return [each for each in found if f"{each[OWN]['endpoint']}.{each['name']}" != without]


def _environment(store: Store, arm_id: str) -> dict[str, Any]:
    found = arm_ids.environment_version(store, arm_id)
    if found is None:
        raise not_found("environment", arm_id)
    definition: dict[str, Any] = found["environment"]
    python = definition.get("python") or {}
    if python.get("userManagedDependencies") or not python.get("condaDependencies"):
        raise bad_request(_NO_CONDA.format(name=f"{found['name']}:{found['version']}"))
    return definition


def _model(store: Store, asked: Any) -> dict[str, Any] | None:
    """Return the document of the model of a deployment, if it has one."""
    arm_id = asked.get("assetId") if isinstance(asked, dict) else asked
    if not arm_id:
        return None
    found = arm_ids.model_version(store, arm_id)
    if found is None:
        raise not_found("model", arm_id)
    return found
