"""Which workspace is meant: a config.json, or a subscription, a resource group and a name."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelship.errors import InvalidOptionError, WorkspaceNotFoundError

__all__ = ["WorkspaceLocation"]

_FILE = "config.json"
# Where the SDK's Workspace.from_config() looks, in each folder on the way up.
_FOLDERS = (".azureml", "aml_config", ".")
_KEYS = ("subscription_id", "resource_group", "workspace_name")
_ADVICE = (
    "Download config.json on the workspace's page in the Azure portal and put it here, or give "
    "subscription_id, resource_group and workspace_name."
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class WorkspaceLocation:
    """The three names that make out a workspace.

    Parameters
    ----------
    subscription_id, resource_group, workspace_name : str
        As in the ``config.json`` that the Azure portal offers for download.
    endpoint : str
        The address of an offline workspace on this machine, such as ``http://127.0.0.1:8080``;
        empty for Azure. It is reached without credentials.
    ca_bundle : str
        The path of the certificates that an offline workspace shows.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    endpoint: str = ""
    ca_bundle: str = field(default="", repr=False)

    @classmethod
    def find(
        cls,
        config: str | Path | None = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
    ) -> WorkspaceLocation:
        """Return the workspace that the arguments name, or the nearest ``config.json``.

        Parameters
        ----------
        config : str or Path, optional
            A ``config.json``, or a folder to look for it in and above; the current one if left out.
        subscription_id, resource_group, workspace_name : str, optional
            All three of them, in place of `config`.

        Raises
        ------
        WorkspaceNotFoundError
            If there is no such file, or it lacks one of the three.
        InvalidOptionError
            If some of the three are given, and not all.
        """
        given = dict(zip(_KEYS, (subscription_id, resource_group, workspace_name), strict=True))
        missing = [key for key, value in given.items() if not value]
        if len(missing) == len(given):
            return _read(_config_file(Path(config or ".")))
        if missing or config is not None:
            found = ", ".join(
                sorted((given.keys() - {*missing}) | ({"config"} if config else set()))
            )
            raise InvalidOptionError(
                option="the workspace",
                found=found,
                expected="a config.json, or all of subscription_id, resource_group, workspace_name",
            )
        return cls(**{key: str(value) for key, value in given.items()})

    @property
    def uri(self) -> str:
        """The workspace as a URI; a model's goes on with ``/models/NAME/versions/N``."""
        return (
            f"azureml://subscriptions/{self.subscription_id}/resourceGroups/"
            f"{self.resource_group}/workspaces/{self.workspace_name}"
        )


def _config_file(place: Path) -> Path:
    if place.is_file():
        return place
    start = place.resolve()
    for folder in (start, *start.parents):
        for below in _FOLDERS:
            if (folder / below / _FILE).is_file():
                return folder / below / _FILE
    raise WorkspaceNotFoundError(
        problem=f"there is no {_FILE} in {start} or above it"
        if start.is_dir()
        else f"there is no file {place}",
        advice=_ADVICE,
    )


def _read(path: Path) -> WorkspaceLocation:
    try:
        config = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise WorkspaceNotFoundError(f"{path} is not JSON ({error})", _ADVICE) from error
    config = _with_scope(config) if isinstance(config, dict) else {}
    missing = [key for key in _KEYS if not isinstance(config.get(key), str) or not config[key]]
    if missing:
        raise WorkspaceNotFoundError(f"{path} lacks {', '.join(missing)}", _ADVICE)
    endpoint = str(config.get("endpoint", ""))
    if endpoint and urlsplit(endpoint).hostname not in _LOOPBACK:
        problem = f"{path} names the endpoint {endpoint!r}, which is not on this machine"
        raise WorkspaceNotFoundError(problem, "Remove 'endpoint' from it to use Azure.")
    ca_bundle = str(config.get("ca_bundle", ""))
    names = {key: config[key] for key in _KEYS}
    return WorkspaceLocation(**names, endpoint=endpoint, ca_bundle=ca_bundle)


def _with_scope(config: dict[str, Any]) -> dict[str, Any]:
    """Read the older form too, which has one resource id under "Scope"."""
    parts = str(config.get("Scope", "")).strip("/").split("/")
    if len(parts) < 8:  # noqa: PLR2004 - subscriptions/S/resourceGroups/G/providers/P/workspaces/W
        return config
    return {**config, **dict(zip(_KEYS, (parts[1], parts[3], parts[7]), strict=True))}
