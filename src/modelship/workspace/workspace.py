"""Define Workspace: an Azure ML workspace, with timeouts and modelship's errors."""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, TypeVar

from modelship.errors import (
    InvalidOptionError,
    WorkspaceCredentialsError,
    WorkspaceUnreachableError,
)
from modelship.workspace import _models_sdk
from modelship.workspace.asking import Asker
from modelship.workspace.location import WorkspaceLocation
from modelship.workspace.model_calls import TRANSFER_TIMEOUT_S, ModelCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modelship.workspace.model_record import RegisteredModel

__all__ = ["CALL_TIMEOUT_S", "Workspace"]

CALL_TIMEOUT_S: Final = 120.0
"""The time limit of one request to a workspace, in seconds."""

_SIGN_IN_TIMEOUT_S: Final = 300.0

_Answer = TypeVar("_Answer")


class Workspace(ModelCalls):
    """A connected Azure ML workspace.

    It gives access to the workspace's models. The output and logs of the SDK are dropped during
    calls, in the thread of the call. A call that exceeds its timeout is aborted.

    Parameters
    ----------
    location : WorkspaceLocation
        The location of the workspace.
    sdk : modelship.workspace._models_sdk.Sdk
        The connection. Most users call :meth:`open` instead.

    Raises
    ------
    InvalidOptionError
        If `location` is not a WorkspaceLocation, such as the path that :meth:`open` takes.
    """

    def __init__(
        self, location: WorkspaceLocation | None = None, sdk: _models_sdk.Sdk | None = None
    ) -> None:
        if not isinstance(location, WorkspaceLocation) or sdk is None:
            raise InvalidOptionError(
                option="Workspace(location)",
                found=location,
                expected="a connection that is open; to open one, call Workspace.open(...) with a "
                "config.json, its folder, or subscription_id, resource_group and workspace_name",
            )
        self.location = location
        self._sdk = self._models = sdk

    @classmethod
    def open(
        cls,
        workspace: object = None,
        *,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
    ) -> Workspace:
        """Connect to a workspace.

        A service principal is read from ``AZUREML_SERVICE_PRINCIPAL_ID``, ``_TENANT_ID`` and
        ``_PASSWORD`` if they are set; otherwise the SDK uses a managed identity or the account of
        ``az login``, or prompts for one. For any other way to sign in, pass the SDK's own object.

        Parameters
        ----------
        workspace : azureml.core.Workspace, Workspace, str or Path, optional
            An open workspace; or a ``config.json``, or a folder to search it in and above. The
            current folder if omitted.
        subscription_id, resource_group, workspace_name : str, optional
            All three names, instead of `workspace`.

        Raises
        ------
        WorkspaceNotFoundError
            If there is no ``config.json``, or no such workspace.
        WorkspaceCredentialsError, WorkspaceUnreachableError, WorkspaceRequestError
            If it cannot be opened.
        MissingExtraError
            If azureml-core is not installed.
        """
        names = (subscription_id, resource_group, workspace_name)
        if isinstance(workspace, cls):
            return workspace
        if type(workspace).__module__.partition(".")[0] == "azureml" and not any(names):
            return _adopted(workspace)
        if workspace is not None and not isinstance(workspace, (str, PathLike)):
            raise _unknown_kind(workspace)
        location = WorkspaceLocation.find(
            workspace,  # type: ignore[arg-type]  # a path of bytes is nobody's
            subscription_id=subscription_id,
            resource_group=resource_group,
            workspace_name=workspace_name,
        )
        if location.offline and not location.offline.is_open():  # the SDK would retry for long
            cause = f"nothing listens at {location.offline.endpoint}"
            advice = location.offline.remedy
            raise WorkspaceUnreachableError(location.workspace_name, "open it", cause, advice)
        # The SDK may prompt the user to sign in, so the prompt must be visible.
        asks = not location.offline and not _models_sdk.service_principal()
        ask = Asker(location, muted=not asks)
        try:
            connect = partial(_models_sdk.Sdk.connect, location)
            sdk = ask("open it", connect, timeout_s=_SIGN_IN_TIMEOUT_S)
        except TimeoutError as error:
            cause = f"nobody signed in within {_SIGN_IN_TIMEOUT_S:g} s"
            raise WorkspaceCredentialsError(location.workspace_name, cause) from error
        except WorkspaceCredentialsError as error:
            if half := _models_sdk.half_a_principal():
                error.cause = f"{error.cause} ({half})"
            raise
        return cls(location, sdk)

    @property
    def sdk_workspace(self) -> Any:
        """The underlying ``azureml.core.Workspace``."""
        return self._sdk.workspace

    def ask(
        self, doing: str, call: Callable[[], _Answer], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> _Answer:
        """Call the SDK in a thread of its own, and return the result.

        Parameters
        ----------
        doing : str
            The operation, for error messages: "list its models".
        call : Callable
            The call. Its output and logs are dropped.
        timeout_s : float
            The timeout in seconds.

        Raises
        ------
        WorkspaceError
            If it fails, as one of our errors, or exceeds the timeout.
        """
        return Asker(self.location)(doing, call, timeout_s=self.limit_s(timeout_s))

    def register(
        self,
        path: Path,
        *,
        name: str,
        tags: Mapping[str, str],
        properties: Mapping[str, str],
        description: str = "",
        framework: str | None = None,
        framework_version: str | None = None,
        kind: str = "custom_model",  # noqa: ARG002 - see below
        timeout_s: float = TRANSFER_TIMEOUT_S,
        doing: str = "",
    ) -> RegisteredModel:
        """Upload a file or folder as the next version of the model `name`.

        SDK v1 has no `kind`: it is accepted so that callers need not know the SDK.
        """
        return self.ask(
            doing or f"register the model {name!r}",
            lambda: self._sdk.register(
                path,
                name=name,
                tags=tags,
                properties=properties,
                description=description,
                framework=framework,
                framework_version=framework_version,
            ),
            timeout_s=timeout_s,
        )

    def service(self, name: str) -> Mapping[str, Any] | None:
        """Return the whole record of a web service as Azure ML has it; None if there is none."""
        return self.ask(f"look at the service {name!r}", lambda: self._sdk.service(name))

    def download_artifact(
        self, artifact: str, path: Path, *, timeout_s: float = TRANSFER_TIMEOUT_S
    ) -> None:
        """Write an artifact, such as ``LocalUpload/1a/score.py``, to the file `path`."""
        self.ask(
            f"download the artifact {artifact!r}",
            lambda: self._sdk.download_artifact(artifact, path),
            timeout_s=timeout_s,
        )

    def __repr__(self) -> str:
        return f"Workspace({self.name!r})"


def _adopted(workspace: Any) -> Workspace:
    try:
        location = WorkspaceLocation(
            workspace.subscription_id, workspace.resource_group, workspace.name
        )
    except AttributeError:
        raise _unknown_kind(workspace) from None
    return Workspace(location, _models_sdk.Sdk(workspace, uri=location.uri))


def _unknown_kind(workspace: object) -> InvalidOptionError:
    return InvalidOptionError(
        option="workspace",
        found=type(workspace).__name__,
        expected="an azureml.core.Workspace, or the path of a config.json",
    )
