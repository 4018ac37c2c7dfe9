"""Open the models of a workspace through the SDK that is installed."""

from __future__ import annotations

from importlib.util import find_spec

from modelship.workspace._ml_client import is_client
from modelship.workspace.ml_workspace import open_ml
from modelship.workspace.model_registry import ModelRegistry
from modelship.workspace.workspace import Workspace

__all__ = ["open_registry"]


def open_registry(
    workspace: object = None,
    *,
    subscription_id: str | None = None,
    resource_group: str | None = None,
    workspace_name: str | None = None,
) -> ModelRegistry:
    """Connect to a workspace, through the SDK of an open one or that which is installed.

    If both are, it is azureml-core: so installing azure-ai-ml, too, changes neither how an existing
    user signs in, nor what is stored of a model. To choose the other, pass an ``MLClient``.

    Parameters
    ----------
    workspace : azureml.core.Workspace, azure.ai.ml.MLClient, ModelRegistry, str or Path, optional
        An open workspace; or a ``config.json``, or a folder to search it in and above. The current
        folder if omitted.
    subscription_id, resource_group, workspace_name : str, optional
        All three names, instead of `workspace`.

    Raises
    ------
    WorkspaceError
        If it cannot be opened.
    MissingExtraError
        If neither SDK is installed.
    """
    if isinstance(workspace, ModelRegistry):
        return workspace
    second = is_client(workspace) or not _has_core()
    opener = open_ml if second else Workspace.open
    return opener(
        workspace,
        subscription_id=subscription_id,
        resource_group=resource_group,
        workspace_name=workspace_name,
    )


def _has_core() -> bool:
    """Return whether azureml-core is installed, without importing it."""
    try:
        return find_spec("azureml.core") is not None
    except ModuleNotFoundError:
        return False
