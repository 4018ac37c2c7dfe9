"""Locate a workspace: by config.json, or by subscription, resource group and name."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelship.errors import InvalidOptionError, WorkspaceNotFoundError
from modelship.texts import read_text
from modelship.workspace.access import Access
from modelship.workspace.private import NotPrivateError

__all__ = ["WorkspaceLocation"]

_FILE = "config.json"
# The folders of the SDK's Workspace.from_config(), in each parent folder.
_FOLDERS = (".azureml", "aml_config", ".")
_KEYS = ("subscription_id", "resource_group", "workspace_name")
_ADVICE = (
    "Download config.json on the workspace's page in the Azure portal and put it here, or give "
    "subscription_id, resource_group and workspace_name."
)


@dataclass(frozen=True)
class WorkspaceLocation:
    """The three names that identify a workspace.

    Parameters
    ----------
    subscription_id, resource_group, workspace_name : str
        As in the ``config.json`` that can be downloaded from the Azure portal.
    offline : Access, optional
        The access to an offline workspace on this machine; None for Azure.
    """

    subscription_id: str
    resource_group: str
    workspace_name: str
    offline: Access | None = field(default=None, repr=False)

    @classmethod
    def find(
        cls,
        config: str | Path | None = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
    ) -> WorkspaceLocation:
        """Return the workspace given by the arguments, or by the nearest ``config.json``.

        Parameters
        ----------
        config : str or Path, optional
            A ``config.json``, or a folder to search it in and above; the current one if omitted.
        subscription_id, resource_group, workspace_name : str, optional
            All three names, instead of `config`.

        Raises
        ------
        WorkspaceNotFoundError
            If there is no such file, or one of the three is missing in it.
        InvalidOptionError
            If only some of the three are given.
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
        subscription, group, name = (str(given[key]) for key in _KEYS)
        return cls(subscription, group, name)

    @property
    def uri(self) -> str:
        """The workspace as a URI; that of a model appends ``/models/NAME/versions/N``."""
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
        config = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise WorkspaceNotFoundError(f"{path} is not JSON ({error})", _ADVICE) from error
    config = _with_scope(config) if isinstance(config, dict) else {}
    missing = [key for key in _KEYS if not isinstance(config.get(key), str) or not config[key]]
    if missing:
        raise WorkspaceNotFoundError(f"{path} lacks {', '.join(missing)}", _ADVICE)
    names = {key: config[key] for key in _KEYS}
    return WorkspaceLocation(**names, offline=_access(path, config))


def _access(path: Path, config: dict[str, Any]) -> Access | None:
    """Read the access to an offline workspace from its private file; None for Azure.

    None of it is read from `config`, which may be part of another author's code.
    """
    place = config.get("offline")
    if place is None and "endpoint" not in config:
        return None
    again = "Open the workspace (modelship azureml-offline --folder …), and copy its config.json."
    if not isinstance(place, str):
        raise WorkspaceNotFoundError(f"{path} does not say where its offline workspace is", again)
    try:
        return Access.read(Path(place))
    except NotPrivateError as error:
        raise WorkspaceNotFoundError(error.problem, error.remedy) from None
    except (OSError, ValueError, TypeError) as error:
        problem = f"{path} names an offline workspace that is not there ({error})"
        raise WorkspaceNotFoundError(problem, again) from None


def _with_scope(config: dict[str, Any]) -> dict[str, Any]:
    """Support the older format too, with one resource id under "Scope"."""
    parts = str(config.get("Scope", "")).strip("/").split("/")
    if len(parts) < 8:  # noqa: PLR2004 - subscriptions/S/resourceGroups/G/providers/P/workspaces/W
        return config
    return {**config, **dict(zip(_KEYS, (parts[1], parts[3], parts[7]), strict=True))}
