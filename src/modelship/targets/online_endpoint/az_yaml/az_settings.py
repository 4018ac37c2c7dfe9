"""Translate files of ``az ml`` to settings of ``modelship.yaml``, which every target can run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.bundle.environment import DEFAULTS, SERVER
from modelship.errors import DeploymentFileError, InvalidNameError, InvalidOptionError
from modelship.server.options import OPTIONS
from modelship.targets.online_endpoint.az_yaml.asset_values import InlineModel
from modelship.targets.online_endpoint.az_yaml.endpoint_files import (
    OnlineDeploymentFile,
    OnlineEndpointFile,
    read_file,
)
from modelship.targets.online_endpoint.az_yaml.registered_environments import (
    WRITE_INLINE,
    registered_conda,
)
from modelship.targets.online_endpoint.az_yaml.yaml_tree import read_tree
from modelship.targets.online_endpoint.az_yaml.yaml_writing import yaml_text
from modelship.targets.online_endpoint.container_settings import DEFAULT_REQUESTS
from modelship.targets.online_endpoint.instance_types import instance_type_of
from modelship.texts import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modelship.workspace.ml_workspace import MlWorkspace

__all__ = ["AzFiles", "missing_server", "read_files", "settings_of"]

ONLINE: Final = "online-endpoint"
_HERE: Final = ("process", "docker")
_WORKERS: Final = "WORKER_COUNT"
_TIMEOUT: Final = "scoring_timeout_ms"
_VARIABLES: Final = {each.variable: each for each in OPTIONS.values() if each.on_target}
_OF_DEPLOYMENT: Final = (
    "instance_type",
    "instance_count",
    "request_settings",
    "liveness_probe",
    "readiness_probe",
    "scale_settings",
    "app_insights_enabled",
    "egress_public_network_access",
    "data_collector",
)
_NOT_ON_TARGET: Final = ("properties", "model_mount_path", "private_network_connection")
_OF_ENDPOINT: Final = ("auth_mode", "public_network_access", "identity")
# What follows a reference, and how a model source writes it.
_ARM_ID: Final = re.compile(r"azureml:/subscriptions/.*/models/(?P<name>[^/]+)/versions/([^/]+)")


@dataclass(frozen=True)
class AzFiles:
    """A deployment file, its endpoint file if there is one, and the path of the former."""

    deployment: OnlineDeploymentFile
    endpoint: OnlineEndpointFile | None
    path: Path


def read_files(paths: Sequence[Path]) -> AzFiles:
    """Read a deployment file, and its endpoint file if it is given, in any order.

    Raises
    ------
    DeploymentFileError
        If a file is invalid, or is of another endpoint.
    InvalidOptionError
        If they are not one deployment and at most one endpoint.
    """
    read = [(path, read_file(path)) for path in paths]
    deployments = [each for _, each in read if isinstance(each, OnlineDeploymentFile)]
    endpoints = [(path, each) for path, each in read if isinstance(each, OnlineEndpointFile)]
    if len(deployments) != 1 or len(endpoints) > 1:
        expected = "one deployment file, and at most one endpoint file"
        raise InvalidOptionError("-f", [str(path) for path in paths], expected)
    for path, endpoint in endpoints:
        if endpoint.name != deployments[0].endpoint_name:
            problem = f"name is {endpoint.name!r}; the deployment is of the endpoint"
            raise DeploymentFileError(str(path), 1, f"{problem} {deployments[0].endpoint_name!r}.")
    [path] = [path for path, each in read if each is deployments[0]]
    return AzFiles(deployments[0], endpoints[0][1] if endpoints else None, path)


def settings_of(
    files: AzFiles, *, target: str, scratch: Path, open_workspace: Callable[[], MlWorkspace]
) -> dict[str, Any]:
    """Return the settings that the files amount to on a target, by the keys of ``modelship.yaml``.

    Traffic is left out: modelship gives it to the release that has passed its checks.

    Parameters
    ----------
    files : AzFiles
        The files.
    target : str
        The name of the target. On this machine, the time limit of a request is that of the server.
    scratch : Path
        A folder for a conda file whose content is in the deployment file or in the workspace.
    open_workspace : Callable
        Returns the workspace; called if the environment is a registered one.

    Raises
    ------
    InvalidOptionError
        If the deployment does not say which packages or which script it needs.
    DeploymentFileError
        If its environment is not registered, or has no conda file.
    """
    deployment = files.deployment
    is_here = target in _HERE
    settings: dict[str, Any] = {
        "name": deployment.endpoint_name,
        "model": _model(deployment.model),
        "environment": _environment(files, scratch, open_workspace),
        "description": deployment.settings.description or None,
        "tags": dict(deployment.settings.tags) or None,
        "serving": _serving(deployment, is_here=is_here),
        **_resources(deployment.settings.instance_type, is_here=is_here),
    }
    if deployment.code_configuration is not None:
        code = deployment.code_configuration
        settings |= {"entry_script": code.scoring_script, "source_directory": str(code.code)}
    if target == ONLINE:
        settings["options"] = {ONLINE: _options(files)}
    return {key: value for key, value in settings.items() if value is not None}


def missing_server(files: AzFiles) -> str:
    """Return why the deployment would not start on Azure without modelship, or ``""``.

    modelship adds Azure ML's inference server to every environment; ``az ml`` does not.
    """
    environment = files.deployment.environment
    if (
        environment is None
        or isinstance(environment, str)
        or "inference" in (environment.image or "")
    ):
        return ""
    conda = environment.conda_file
    if conda is None or any(each in _written(conda) for each in (SERVER, DEFAULTS)):
        return ""
    place = "conda_file" if isinstance(conda, Mapping) else str(conda)
    return (
        f"{place} has no {SERVER}: it is added here, but az ml deploys the file as it is, and the "
        "container would have no server"
    )


def _written(conda: Path | Mapping[str, Any]) -> str:
    return str(conda) if isinstance(conda, Mapping) else read_text(conda)


def _model(model: InlineModel | str | None) -> str | list[str]:
    """Return the location of the model, as a model source takes it."""
    if model is None:
        return []
    if isinstance(model, InlineModel):
        return f"{model.name}={model.path}" if model.name else str(model.path)
    if found := _ARM_ID.fullmatch(model):
        return f"azureml:{found['name']}:{found[2]}"
    return model.replace("@latest", ":latest")


def _environment(
    files: AzFiles, scratch: Path, open_workspace: Callable[[], MlWorkspace]
) -> str | None:
    deployment, environment = files.deployment, files.deployment.environment
    is_mlflow = isinstance(deployment.model, InlineModel) and deployment.model.type is not None
    if environment is None and is_mlflow and deployment.code_configuration is None:
        return None  # inferred from the model, as Azure ML does
    if deployment.code_configuration is None:
        expected = "code and scoring_script; only a model of the type mlflow_model needs none"
        raise InvalidOptionError("code_configuration", "missing", expected)
    if environment is None:
        raise InvalidOptionError("environment", "missing", WRITE_INLINE)
    if isinstance(environment, str):
        return _written_to(scratch, _registered(environment, files.path, open_workspace))
    if environment.conda_file is None:
        raise InvalidOptionError("environment.conda_file", "missing", "a conda file")
    if isinstance(environment.conda_file, Mapping):
        return _written_to(scratch, yaml_text(environment.conda_file))
    return str(environment.conda_file)


def _registered(reference: str, path: Path, open_workspace: Callable[[], MlWorkspace]) -> str:
    """Return the conda file of a registered environment; an error has the line of its name."""
    try:
        return registered_conda(reference, open_workspace)
    except (InvalidOptionError, InvalidNameError) as error:
        raise read_tree(path).keys["environment"].error(error.message) from error


def _written_to(scratch: Path, text: str) -> str:
    path = scratch / "conda.yml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _resources(instance_type: str, *, is_here: bool) -> dict[str, float]:
    """Return what an instance has, but no more than this machine if it runs here."""
    import psutil

    machine = instance_type_of(instance_type)
    if machine is None:
        return {}
    cores, memory_gb = float(machine.cpu_cores), float(machine.memory_gb)
    if is_here:
        cores = min(cores, psutil.cpu_count() or 1)
        memory_gb = min(memory_gb, psutil.virtual_memory().total // 2**28 / 4)
    return {"cpu_cores": cores, "memory_gb": memory_gb}


def _serving(deployment: OnlineDeploymentFile, *, is_here: bool) -> dict[str, Any]:
    """Return how the deployment is served; `is_here` means that this machine limits requests."""
    variables = dict(deployment.settings.environment_variables)
    serving: dict[str, Any] = {}
    if _WORKERS in variables:
        serving["workers"] = _workers(variables.pop(_WORKERS))
    if is_here:
        options = _server_options(deployment, variables)
        if options[_TIMEOUT] == DEFAULT_REQUESTS.request_timeout_ms:
            del options[_TIMEOUT]
            serving["limits"] = ONLINE
        serving["server_options"] = options
    else:  # the target sets it to the time limit of a request
        variables.pop(OPTIONS[_TIMEOUT].variable, None)
    return {**serving, "variables": variables}


def _server_options(deployment: OnlineDeploymentFile, variables: dict[str, str]) -> dict[str, Any]:
    """Move the settings of the server out of `variables`.

    On Azure, the front answers 408 at the time limit of a request, whatever that of the server is.
    Here only the server has one: the shorter of both.
    """
    named = [name for name in variables if name in _VARIABLES]
    options = {_VARIABLES[name].name: _value_of(name, variables.pop(name)) for name in named}
    requests = (deployment.settings.request_settings or DEFAULT_REQUESTS).with_defaults()
    limit_ms = requests.request_timeout_ms or 0  # it has a default
    return {**options, _TIMEOUT: min(options.get(_TIMEOUT, limit_ms), limit_ms)}


def _value_of(name: str, text: str) -> Any:
    option = _VARIABLES[name]
    try:
        return option.parse(text)
    except ValueError as error:
        where = f"environment_variables.{name}"
        raise InvalidOptionError(where, text, option.expected) from error


def _workers(text: str) -> int:
    if text.strip().isdecimal():
        return int(text)
    raise InvalidOptionError(f"environment_variables.{_WORKERS}", text, "a whole number")


def _options(files: AzFiles) -> dict[str, Any]:
    """Return the options of the target ``online-endpoint``."""
    for option in _NOT_ON_TARGET:
        if given := getattr(files.deployment.settings, option):
            shown = dict(given) if isinstance(given, Mapping) else given
            expected = "no value: the target 'online-endpoint' does not set it; use az ml for it"
            raise InvalidOptionError(option, shown, expected)
    found = {name: getattr(files.deployment.settings, name) for name in _OF_DEPLOYMENT}
    if files.endpoint is not None:
        found |= {name: getattr(files.endpoint.settings, name) for name in _OF_ENDPOINT}
        found["endpoint_tags"] = dict(files.endpoint.settings.tags) or None
    if not isinstance(files.deployment.environment, (str, type(None))):
        found["base_image"] = files.deployment.environment.image
    return {name: _plain(value) for name, value in found.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return settings as mappings of what is given, as a user would write them."""
    if is_dataclass(value):
        given = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: _plain(each) for name, each in given.items() if each not in (None, ())}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value
