"""Define MlWorkspace: an Azure ML workspace with managed online endpoints, without SDK v1.

Its documents are those of Azure Resource Manager:
https://learn.microsoft.com/rest/api/azureml/online-deployments
"""

from __future__ import annotations

from functools import cache
from os import PathLike
from typing import TYPE_CHECKING, Final, TypeVar

from modelship.errors import InvalidOptionError
from modelship.workspace import _ml_client
from modelship.workspace.arm_requests import ArmRequests
from modelship.workspace.asking import Asker
from modelship.workspace.asset_calls import AssetCalls
from modelship.workspace.clouds import Cloud
from modelship.workspace.endpoint_calls import EndpointCalls, EndpointKeys, EndpointToken
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.ml_access import access_to, session_to
from modelship.workspace.ml_documents import with_framework, workspace_path
from modelship.workspace.ml_endpoints import MlEndpoints
from modelship.workspace.ml_errors import translate_ml
from modelship.workspace.ml_models import MlModels
from modelship.workspace.model_calls import TRANSFER_TIMEOUT_S, ModelCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.progress import Deadline
    from modelship.workspace.model_record import RegisteredModel

__all__ = ["EndpointKeys", "EndpointToken", "MlWorkspace", "open_ml"]

_CALL_TIMEOUT_S: Final = 120.0
_SIGN_IN_TIMEOUT_S: Final = 300.0

_Answer = TypeVar("_Answer")


class MlWorkspace(ModelCalls, AssetCalls, EndpointCalls):
    """An Azure ML workspace: its models, environments, code, endpoints and deployments.

    Each call has a time limit, and raises modelship's errors. None waits for an operation: the
    document says how far it is.

    Parameters
    ----------
    location : WorkspaceLocation
        The workspace.
    cloud : Cloud
        Where its services are.
    token : Callable[[str], str]
        Returns a token for a scope. Most users call :func:`open_ml` instead.
    sdk : modelship.workspace._ml_client.MlSdk, optional
        An open client of azure-ai-ml; by default one is opened when a registration needs it.
    """

    _models: MlModels

    def __init__(
        self,
        location: WorkspaceLocation,
        cloud: Cloud,
        token: Callable[[str], str],
        *,
        sdk: _ml_client.MlSdk | None = None,
    ) -> None:
        self.location = location
        self.id = workspace_path(location)
        self._cloud = cloud
        self._token = token
        self._opened_sdk = cache(lambda: sdk or _ml_client.MlSdk.connect(location, cloud, token))
        session = session_to(location)
        self._arm = ArmRequests(cloud.resource_manager, lambda: token(cloud.scope), session=session)
        self._endpoints = MlEndpoints(self.id, self._arm, token=token, session=session)
        self._models = MlModels(
            location, self._arm, sdk=self._opened_sdk, cloud=cloud, token=token, session=session
        )

    def ask(
        self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = _CALL_TIMEOUT_S
    ) -> _Answer:
        """Return the result of a call, which runs silently and with a time limit.

        Parameters
        ----------
        doing : str
            The operation, for error messages: "list its models".
        call : Callable
            The call.
        timeout_s : float
            The time limit in seconds.

        Raises
        ------
        WorkspaceError
            If it fails, as one of our errors, or exceeds the time limit.
        """
        ask = Asker(self.location, translate=translate_ml)
        return ask(doing, call, timeout_s=self.limit_s(timeout_s))

    def open(self) -> None:
        """Check that the workspace exists, and that the credentials are accepted."""
        self.ask("open it", self._endpoints.open, timeout_s=_SIGN_IN_TIMEOUT_S)

    def entra_token(self) -> str:
        """Return a token for an endpoint with the authentication mode ``AADToken``."""
        scope = f"{self._cloud.ml_audience}/.default"
        return self.ask("get a token for scoring", lambda: self._token(scope))

    def register(
        self,
        path: Path,
        *,
        name: str,
        kind: str = "custom_model",
        tags: Mapping[str, str],
        properties: Mapping[str, str],
        description: str = "",
        framework: str | None = None,
        framework_version: str | None = None,
        timeout_s: float = TRANSFER_TIMEOUT_S,
        doing: str = "",
    ) -> RegisteredModel:
        """Upload a file or folder as the next version of the model `name`.

        SDK v2 has no field for the framework, so it is stored as properties.
        """
        described = with_framework(properties, framework, framework_version)
        return self.ask(
            doing or f"register the model {name!r}",
            lambda: self._models.register(
                path, name=name, kind=kind, tags=tags, properties=described,
                description=description,
            ),
            timeout_s=timeout_s,
        )  # fmt: skip

    def model_arm_id(self, model_id: str) -> str:
        """Return the id that a deployment refers to a model ``NAME:VERSION`` with."""
        name, _, version = model_id.rpartition(":")
        return f"{self.id}/models/{name}/versions/{version}"

    @property
    def access(self) -> tuple[Cloud, Callable[[str], str]]:
        """Its cloud, and what returns a token for a scope."""
        return self._cloud, self._token

    def __repr__(self) -> str:
        return f"MlWorkspace({self.name!r})"


def open_ml(
    workspace: object = None,
    *,
    subscription_id: str | None = None,
    resource_group: str | None = None,
    workspace_name: str | None = None,
    credential: object = None,
    deadline: Deadline | None = None,
) -> MlWorkspace:
    """Connect to a workspace.

    The credentials are those that azure-identity's ``DefaultAzureCredential`` finds: a service
    principal in ``AZURE_TENANT_ID``, ``AZURE_CLIENT_ID`` and ``AZURE_CLIENT_SECRET``, a managed
    identity, or the account of ``az login``.

    Parameters
    ----------
    workspace : azure.ai.ml.MLClient, MlWorkspace, str or Path, optional
        An open workspace; or a ``config.json``, or a folder to search it in and above. The current
        folder if omitted.
    subscription_id, resource_group, workspace_name : str, optional
        All three names, instead of `workspace`.
    credential : object, optional
        An object with ``get_token``, such as one of azure-identity's.
    deadline : Deadline, optional
        The longest wait for the workspace.

    Raises
    ------
    WorkspaceNotFoundError
        If there is no ``config.json``, or no such workspace.
    WorkspaceCredentialsError, WorkspaceUnreachableError, WorkspaceRequestError
        If it cannot be opened.
    MissingExtraError
        If azure-identity is not installed.
    """
    if isinstance(workspace, MlWorkspace):
        return workspace
    if _ml_client.is_client(workspace):
        opened = _adopted(_ml_client.adopt_client(workspace))
    elif workspace is None or isinstance(workspace, (str, PathLike)):
        location = WorkspaceLocation.find(
            workspace,  # type: ignore[arg-type]  # a path of bytes is nobody's
            subscription_id=subscription_id,
            resource_group=resource_group,
            workspace_name=workspace_name,
        )
        opened = MlWorkspace(location, *access_to(location, credential))
    else:
        expected = "an azure.ai.ml.MLClient, or the path of a config.json"
        raise InvalidOptionError("workspace", type(workspace).__name__, expected)
    (opened if deadline is None else opened.within(deadline)).open()
    return opened


def _adopted(client: _ml_client.AdoptedClient) -> MlWorkspace:
    cloud = Cloud.at(client.resource_manager)
    return MlWorkspace(client.location, cloud, client.token, sdk=client.sdk)
