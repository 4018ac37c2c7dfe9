"""Write the files of ``az ml online-endpoint`` and ``az ml online-deployment``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modelship.staging import storing
from modelship.targets.online_endpoint.data_collection import (
    CollectionSettings,
    DataCollectorSettings,
)
from modelship.targets.online_endpoint.endpoint_settings import IdentitySettings

if TYPE_CHECKING:
    from modelship.targets.online_endpoint.az_yaml.asset_values import (
        InlineEnvironment,
        InlineModel,
    )
    from modelship.targets.online_endpoint.az_yaml.endpoint_files import (
        OnlineDeploymentFile,
        OnlineEndpointFile,
    )

__all__ = ["asset_yaml", "write_yaml", "yaml_of", "yaml_text"]

_SCHEMAS: Final = "https://azuremlschemas.azureedge.net/latest/"
_SCHEMA: Final = {
    "OnlineEndpointFile": f"{_SCHEMAS}managedOnlineEndpoint.schema.json",
    "OnlineDeploymentFile": f"{_SCHEMAS}managedOnlineDeployment.schema.json",
    "InlineModel": f"{_SCHEMAS}model.schema.json",
    "InlineEnvironment": f"{_SCHEMAS}environment.schema.json",
}


def write_yaml(file: OnlineEndpointFile | OnlineDeploymentFile, path: str | Path) -> Path:
    """Write `file` to `path`, and return it.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    place = Path(path)
    with storing(place):
        place.write_text(yaml_of(file, folder=place.parent), encoding="utf-8")
    return place


def yaml_of(file: OnlineEndpointFile | OnlineDeploymentFile, *, folder: Path) -> str:
    """Return `file` as YAML; paths are relative to `folder`."""
    content = _plain(file, folder.resolve())
    return _yaml(file, {**content.pop("settings"), **content})


def asset_yaml(asset: InlineModel | InlineEnvironment, *, folder: Path) -> str:
    """Return the file of ``az ml model create`` or ``az ml environment create``."""
    return _yaml(asset, _plain(asset, folder.resolve()))


def _yaml(value: object, content: dict[str, Any]) -> str:
    names = [key for key in ("name", "endpoint_name", "version") if key in content]
    ordered = {key: content[key] for key in [*names, *content]}
    document = {"$schema": _SCHEMA[type(value).__name__], **ordered}
    return yaml_text(document)


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, in the order of its keys."""
    import yaml

    plain = dict(document)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=1000)


def _plain(value: Any, folder: Path) -> Any:
    if is_dataclass(value):
        return _settings(value, folder)
    if isinstance(value, Mapping):
        return {key: _plain(each, folder) for key, each in value.items()}
    if isinstance(value, Path):  # as a file in the folder would have it
        return os.path.relpath(value.resolve(), folder)
    return [_plain(each, folder) for each in value] if isinstance(value, (list, tuple)) else value


def _settings(value: Any, folder: Path) -> dict[str, Any]:
    if isinstance(value, CollectionSettings):
        enabled = "true" if value.enabled else "false"  # az ml accepts it only as text
        return {**_fields(value, folder), "enabled": enabled}
    if isinstance(value, DataCollectorSettings):
        return _collector(value, folder)
    return _identity(value) if isinstance(value, IdentitySettings) else _fields(value, folder)


def _fields(value: Any, folder: Path) -> dict[str, Any]:
    """Return what differs from what a file without it means, and what az ml requires."""
    given = {each.name: getattr(value, each.name) for each in fields(value)}
    return {key: _plain(it, folder) for key, it in given.items() if it not in (None, "", {}, ())}


def _collector(value: DataCollectorSettings, folder: Path) -> dict[str, Any]:
    written = _fields(value, folder)
    headers = written.pop("capture_headers", None)
    written.setdefault("collections", {})
    return {**written, "request_logging": {"capture_headers": headers}} if headers else written


def _identity(value: IdentitySettings) -> dict[str, Any]:
    ids = [{"resource_id": each} for each in value.user_assigned_identities]
    return {"type": value.type, **({"user_assigned_identities": ids} if ids else {})}
