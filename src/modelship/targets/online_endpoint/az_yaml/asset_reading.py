"""Read the model, the environment and the code of an ``az ml`` deployment file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from modelship.targets.online_endpoint.az_yaml.asset_values import (
    MODEL_TYPES,
    BuildContext,
    CodeConfiguration,
    InferenceConfig,
    InlineEnvironment,
    InlineModel,
    RouteSettings,
)
from modelship.targets.online_endpoint.az_yaml.yaml_values import (
    built,
    choice,
    record,
    settings,
    text,
    texts,
    version,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.targets.online_endpoint.az_yaml.yaml_tree import YamlValue
    from modelship.targets.online_endpoint.az_yaml.yaml_values import Reader, Table

__all__ = ["READ_ONLY", "code_configuration", "environment", "model"]

READ_ONLY: Final = frozenset(
    ("$schema", "id", "creation_context", "latest_version", "provisioning_state")
)
"""Keys that ``az ml ... show`` writes, and that say nothing about a new deployment."""

_URI: Final = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_REFERENCE: Final = re.compile(
    r"azureml:(//registries/[^/\s]+/{kind}/[^/\s]+(/(versions|labels)/[^/\s]+)?"
    r"|/subscriptions/\S+/{kind}/[^/\s]+(/versions/[^/\s]+)?"
    r"|[^/:@\s]+(:[^/\s]+|@[^/:@\s]+)?)".replace("{kind}", "(models|environments|codes)")
)
_EXPECTED: Final = "azureml:NAME:VERSION, azureml:NAME@latest, or a mapping with {}"


def model(node: YamlValue, where: str) -> InlineModel | str:
    """Read a reference to a registered model, or the files of one."""
    if isinstance(node.content, str):
        return _reference(node, where, inline="path")
    read: InlineModel = settings(InlineModel, _OF_MODELS, required=("path",))(node, where)
    return read


def environment(node: YamlValue, where: str) -> InlineEnvironment | str:
    """Read a reference to a registered environment, or an image and its packages."""
    if isinstance(node.content, str):
        return _reference(node, where, inline="image and conda_file")
    given = record(node, where, _OF_ENVIRONMENTS, ignored=READ_ONLY)
    return built(node, where, InlineEnvironment, given)


def code_configuration(node: YamlValue, where: str) -> CodeConfiguration:
    """Read the folder of the code, and the script in it, which has to exist."""
    required = ("code", "scoring_script")
    read: CodeConfiguration = settings(CodeConfiguration, _OF_CODE, required=required)(node, where)
    if isinstance(read.code, str) or (read.code / read.scoring_script).is_file():
        return read
    problem = f"{where}.scoring_script is {read.scoring_script!r}; there is no such file in"
    raise node.keys["scoring_script"].error(f"{problem} {read.code}.")


def _reference(node: YamlValue, where: str, *, inline: str) -> str:
    found = text(node, where)
    if _REFERENCE.fullmatch(found):
        return found
    raise node.error(f"{where} is {found!r}; expected {_EXPECTED.format(inline)}.")


def _local(node: YamlValue, where: str) -> Path | str:
    """Read a path relative to the file's folder, which has to exist; or a URI."""
    found = text(node, where)
    if found.startswith("azureml:") or _URI.match(found):
        return found
    path = node.path.parent / found
    if not path.exists():
        raise node.error(f"{where} is {found!r}; there is no such file or folder.")
    return path.resolve()


def _conda(node: YamlValue, where: str) -> Any:
    return node.plain if isinstance(node.content, Mapping) else _local(node, where)


_ROUTE: Final = settings(RouteSettings, {"port": whole, "path": text}, required=("port", "path"))
_ROUTES: Final = ("liveness_route", "readiness_route", "scoring_route")
_INFERENCE: Final[Reader] = settings(
    InferenceConfig, dict.fromkeys(_ROUTES, _ROUTE), required=_ROUTES
)
_LABELS: Final[Table] = {
    "name": text,
    "version": version,
    "description": text,
    "tags": texts,
    "properties": texts,
}
_OF_MODELS: Final[Table] = {"path": _local, "type": choice(*MODEL_TYPES), **_LABELS}
_OF_ENVIRONMENTS: Final[Table] = {
    "image": text,
    "build": settings(BuildContext, {"path": _local, "dockerfile_path": text}, required=("path",)),
    "conda_file": _conda,
    "inference_config": _INFERENCE,
    **_LABELS,
}
_OF_CODE: Final[Table] = {"code": _local, "scoring_script": text}
