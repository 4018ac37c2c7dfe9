"""Define errors of Azure ML workspaces."""

from __future__ import annotations

from dataclasses import dataclass

from modelship.errors.base_error import ModelshipError

__all__ = [
    "RegistryNotFoundError",
    "WorkspaceCredentialsError",
    "WorkspaceError",
    "WorkspaceNotFoundError",
    "WorkspaceRequestError",
    "WorkspaceUnreachableError",
]


class WorkspaceError(ModelshipError):
    """An Azure ML workspace is misconfigured, or a request to it failed."""

    exit_code = 9


@dataclass(eq=False)
class WorkspaceNotFoundError(WorkspaceError):
    """No workspace is configured, or none has this name."""

    _message = "No Azure ML workspace: {problem}."

    problem: str
    advice: str


@dataclass(eq=False)
class RegistryNotFoundError(WorkspaceError):
    """No Azure ML registry has this name, or the account does not see it."""

    _message = "There is no Azure ML registry {registry!r}."
    _hint = (
        "Compare the name with those of: az ml registry list. A registry in another tenant needs "
        "an account of that tenant."
    )

    registry: str


@dataclass(eq=False)
class WorkspaceCredentialsError(WorkspaceError):
    """The credentials for a workspace are missing, expired or refused."""

    _message = "The {kind} {workspace!r} rejected the credentials: {cause}."
    _hint = (
        "Sign in again (az login), or set AZUREML_SERVICE_PRINCIPAL_ID, _TENANT_ID and "
        "_PASSWORD; the portal lists your permissions under Access control."
    )

    workspace: str
    cause: str
    advice: str = ""
    kind: str = "workspace"


@dataclass(eq=False)
class WorkspaceUnreachableError(WorkspaceError):
    """The services of Azure ML do not respond."""

    _message = "The {kind} {workspace!r} did not respond when asked to {doing}: {cause}."
    _hint = "Check the network and the proxy (HTTPS_PROXY), and try again."

    workspace: str
    doing: str
    cause: str
    advice: str = ""
    kind: str = "workspace"


@dataclass(eq=False)
class WorkspaceRequestError(WorkspaceError):
    """The services of Azure ML refused a request, or failed to serve it."""

    _evidence = "{detail}"

    workspace: str
    doing: str
    cause: str
    status: int | None = None
    detail: str = ""
    advice: str = ""
    code: str = ""
    kind: str = "workspace"

    @property
    def message(self) -> str:
        status = f" ({self.status})" if self.status else ""
        return f"The {self.kind} {self.workspace!r} refused to {self.doing}{status}: {self.cause}."
