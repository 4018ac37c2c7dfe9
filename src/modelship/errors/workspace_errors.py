"""Define errors of Azure ML workspaces."""

from __future__ import annotations

from dataclasses import dataclass

from modelship.errors.base_error import ModelshipError

__all__ = [
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
class WorkspaceCredentialsError(WorkspaceError):
    """The credentials for a workspace are missing, expired or refused."""

    _message = "The workspace {workspace!r} rejected the credentials: {cause}."
    _hint = (
        "Sign in again (az login), or set AZUREML_SERVICE_PRINCIPAL_ID, _TENANT_ID and "
        "_PASSWORD; the portal lists your permissions under Access control."
    )

    workspace: str
    cause: str
    advice: str = ""


@dataclass(eq=False)
class WorkspaceUnreachableError(WorkspaceError):
    """The services of Azure ML do not respond."""

    _message = "The workspace {workspace!r} did not respond when asked to {doing}: {cause}."
    _hint = "Check the network and the proxy (HTTPS_PROXY), and try again."

    workspace: str
    doing: str
    cause: str
    advice: str = ""


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

    @property
    def message(self) -> str:
        status = f" ({self.status})" if self.status else ""
        return f"The workspace {self.workspace!r} refused to {self.doing}{status}: {self.cause}."
