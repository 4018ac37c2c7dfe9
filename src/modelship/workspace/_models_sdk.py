"""Wrap the connection and the models of Azure ML's SDK.

Besides the target ``aci``, this is the only module that imports it.

It runs in the caller's thread and raises the SDK's exceptions;
:class:`~modelship.workspace.Workspace` adds silence, timeouts and our errors.
"""

from __future__ import annotations

import copy
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from modelship.errors import MissingExtraError
from modelship.workspace.model_record import RegisteredModel

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from modelship.workspace.access import Access
    from modelship.workspace.location import WorkspaceLocation

__all__ = ["Sdk", "half_a_principal", "service_principal"]

_TOKEN_LIFETIME_S = 3600
_PRINCIPAL = tuple(f"AZUREML_SERVICE_PRINCIPAL_{each}" for each in ("TENANT_ID", "ID", "PASSWORD"))


_POOLED = {
    "azureml._restclient.clientbase": "ClientBase",
    "azureml._restclient.service_context": "ServiceContext",
}


def _renew_pools() -> None:
    """Let a fork use the SDK: its pools count on their threads, which only the parent has."""
    for module, name in _POOLED.items():
        owner = getattr(sys.modules.get(module), name, None)
        pool = getattr(owner, "_worker_pool", None)
        if isinstance(pool, ThreadPoolExecutor):
            ThreadPoolExecutor.__init__(pool, pool._max_workers)  # noqa: SLF001 - as it was made


os.register_at_fork(after_in_child=_renew_pools)


class Sdk:
    """A connected workspace.

    Parameters
    ----------
    workspace : azureml.core.Workspace
        The SDK's object.
    uri : str
        The workspace as a URI.
    """

    def __init__(self, workspace: Any, *, uri: str) -> None:
        self.workspace = workspace
        self._uri = uri

    @classmethod
    def connect(cls, location: WorkspaceLocation) -> Sdk:
        """Open the workspace as ``Workspace.get`` does, or directly if it is an offline one."""
        _require_sdk()
        from azureml.core import Workspace

        auth = _offline_authentication(location.offline) if location.offline else _authentication()
        workspace = Workspace(
            location.subscription_id, location.resource_group, location.workspace_name, auth=auth
        )
        if getattr(workspace, "_workspace_autorest_object", workspace) is None:
            # The SDK ignores the failure, and continues with a workspace that it has not fetched.
            raise ConnectionError("Azure Resource Manager did not answer")
        return cls(workspace, uri=location.uri)

    # --- models ---------------------------------------------------------------------------

    def model(self, name: str, version: int | None) -> RegisteredModel | None:
        """Return one model, the latest if no version is given; None if there is none."""
        from azureml.core import Model
        from azureml.exceptions import WebserviceException

        try:
            return self._registered(Model(self.workspace, name=name, version=version))
        except WebserviceException as error:
            if "ModelNotFound" in str(error):
                return None
            raise

    def models(
        self, *, name: str | None = None, properties: Mapping[str, str] | None = None
    ) -> list[RegisteredModel]:
        """Return the models with this name and these properties, the newest first."""
        from azureml.core import Model

        pairs = [[key, value] for key, value in (properties or {}).items()]
        return [
            self._registered(each)
            for each in Model.list(self.workspace, name=name, properties=pairs or None)
        ]

    def register(
        self,
        path: Path,
        *,
        name: str,
        tags: Mapping[str, str],
        properties: Mapping[str, str],
        description: str,
        framework: str | None,
        framework_version: str | None,
    ) -> RegisteredModel:
        """Upload a file or folder, and register it.

        These are the two halves of ``Model.register``, which rejects paths outside the current
        folder.
        """
        from azureml.core import Model

        asset = Model._create_asset(self.workspace.service_context, str(path), name)  # noqa: SLF001 - see above
        registered = Model._register_with_asset(  # noqa: SLF001 - see above
            self.workspace,
            name,
            asset.id,
            tags=dict(tags),
            properties=dict(properties),
            description=description or None,
            model_framework=framework,
            model_framework_version=framework_version if framework else None,
        )
        return self._registered(registered)

    def tag(self, model_id: str, tags: Mapping[str, str], *, remove: Collection[str] = ()) -> None:
        """Add tags to a model, and remove others."""
        from azureml.core import Model

        model = Model(self.workspace, id=model_id)
        model.update_tags_properties(add_tags=dict(tags), remove_tags=[*remove])

    def download(self, model_id: str, folder: Path) -> None:
        """Write a model's file or folder into `folder`."""
        from azureml.core import Model

        Model(self.workspace, id=model_id).download(target_dir=str(folder), exist_ok=True)

    def delete(self, model_id: str) -> None:
        """Delete a model."""
        from azureml.core import Model

        Model(self.workspace, id=model_id).delete()

    def download_artifact(self, artifact: str, path: Path) -> None:
        """Write an artifact, ``origin/container/path``, to the file `path`."""
        from azureml._restclient.artifacts_client import ArtifactsClient

        origin, container, name = artifact.split("/", 2)
        client = ArtifactsClient(self.workspace.service_context)
        client.download_artifact(origin, container, name, str(path))

    def service(self, name: str) -> Mapping[str, Any] | None:
        """Return the whole record of a web service, or None."""
        from azureml.core.webservice import Webservice

        found: dict[str, Any] | None = Webservice._get(self.workspace, name)  # noqa: SLF001 - only this returns the whole record
        return found

    def _registered(self, model: Any) -> RegisteredModel:
        return RegisteredModel(
            model_id=model.id,
            name=model.name,
            version=int(model.version),
            uri=f"{self._uri}/models/{model.name}/versions/{model.version}",
            tags=model.tags,
            properties=model.properties,
            description=model.description or "",
            framework=model.model_framework or "",
            framework_version=model.model_framework_version or "",
        )


# --- authentication ---------------------------------------------------------------------------


def _require_sdk() -> None:
    os.environ.setdefault("AZUREML_LOG_DEPRECATION_WARNING_ENABLED", "False")
    try:
        import azureml.core  # noqa: F401 - is it there?
    except ImportError as error:
        raise MissingExtraError.of_import(
            error, purpose="An Azure ML workspace", extra="azure"
        ) from error


def service_principal() -> tuple[str, ...]:
    """Return tenant, id and password from the environment, or ``()``."""
    found = tuple(os.environ.get(name, "") for name in _PRINCIPAL)
    return found if all(found) else ()


def half_a_principal() -> str:
    """Describe the missing variables of a partly set service principal, or return ``""``."""
    there = [name for name in _PRINCIPAL if os.environ.get(name)]
    missing = [name for name in _PRINCIPAL if name not in there]
    if not there or not missing:
        return ""
    return f"set: {', '.join(there)}; missing: {', '.join(missing)}"


def _authentication() -> Any:
    """Return the service principal of the environment; None for the SDK's default."""
    principal = service_principal()
    if not principal:
        return None
    from azureml.core.authentication import ServicePrincipalAuthentication

    return ServicePrincipalAuthentication(*principal)


def _offline_authentication(access: Access) -> Any:
    """Return credentials for an offline workspace: tokens signed with its own key."""
    from azureml._vendor.azure_cli_core.cloud import AZURE_PUBLIC_CLOUD
    from azureml.core.authentication import AbstractAuthentication

    class Offline(AbstractAuthentication):  # type: ignore[misc]  # the SDK ships no types
        def __init__(self) -> None:
            super().__init__(cloud="AzureCloud")
            self._cloud_type = copy.copy(AZURE_PUBLIC_CLOUD)
            self._cloud_type.endpoints = copy.copy(AZURE_PUBLIC_CLOUD.endpoints)
            self._cloud_type.endpoints.resource_manager = access.endpoint

        def _get_arm_token(self) -> str:
            return access.token(lifetime_s=_TOKEN_LIFETIME_S)

        _get_graph_token = _get_azureml_client_token = _get_arm_token

        def _get_workspace(self, *_: Any) -> None:
            return None

        def _get_all_subscription_ids(self) -> tuple[list[Any], str]:
            return [], access.tenant_id

        def _check_if_subscription_exists(self, *_: Any) -> bool:
            return True  # the workspace itself rejects any other

    return Offline()
