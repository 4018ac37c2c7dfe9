"""Translate the errors of Azure Resource Manager and of azure-ai-ml.

The status of an error of azure-ai-ml may be 200, because the request for a failed operation's state
succeeded. So the cause is read from the error's code and message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import (
    ModelshipError,
    WorkspaceCredentialsError,
    WorkspaceNotFoundError,
    WorkspaceRequestError,
)
from modelship.workspace._sdk_errors import FROM_OUTSIDE, cause_of, chain, redacted, shown
from modelship.workspace._sdk_errors import translate as translate_v1
from modelship.workspace.arm_requests import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["failure_of", "translate_ml"]

_SIGN_IN: Final = (
    "Sign in again (az login), or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET."
)
_ROLE: Final = (
    "Ask for the role AzureML Data Scientist on the workspace, and wait some minutes until it is "
    "in force."
)
_REFUSED: Final = {401: _SIGN_IN, 403: _ROLE}
_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")
# Messages come before codes, because one failure has had different codes over the years.
_ADVICE: Final = (
    (
        r"(?i)outofquota|not enough quota|quota",
        (
            "Choose a smaller instance_type or fewer instances, "
            "or request quota in the portal under Usage + quotas."
        ),
    ),
    (
        r"KeyBasedAuthenticationNotPermitted",
        ("Set the datastore to identity-based access: the storage account does not allow keys."),
    ),
    (
        r"AuthorizationPermissionMismatch",
        (
            "Ask for the role Storage Blob Data Contributor on the storage account, and wait some "
            "minutes until it is in force."
        ),
    ),
    (
        r"(?i)private link|not accessible from outside",
        FROM_OUTSIDE,
    ),
    (
        r"(?i)provisioning state|operationcanceled",
        ("Wait until the other operation has ended, and try again."),
    ),
    (
        r"(?i)already (?:registered|created)|immutable",
        "Register another version: the content of a version never changes.",
    ),
    (
        r"(?i)already (?:exists|taken|in use)|with this name",
        ("Choose another name: that of an endpoint is unique in its region."),
    ),
    (
        r"(?i)WorkspaceManagedNetworkNotReady",
        ("Provision the workspace's network: az ml workspace provision-network."),
    ),
    (r"(?i)toomanyrequests|throttl", "Wait a minute, and try again."),
    (
        r"(?i)InternalServerError|received 500 from",
        ("Try again; if it stays, check https://azure.status.microsoft."),
    ),
)


def translate_ml(error: Exception, *, workspace: str, doing: str) -> ModelshipError:
    """Return our error for one of a request, or of azure-ai-ml.

    Parameters
    ----------
    error : Exception
        The error; one of ours is returned unchanged.
    workspace : str
        The workspace's name.
    doing : str
        The operation, to follow "to": ``"create the endpoint 'digits'"``.
    """
    if isinstance(error, ModelshipError):
        return error
    found = _reported(error)
    if found is None:
        return _of_sdk(error, workspace=workspace, doing=doing)
    status, said = found
    cause = redacted(cause_of(said)) or f"status {status}"
    code = str(said.get("code") or "")
    if status in _REFUSED and not _advice(cause):
        return WorkspaceCredentialsError(workspace, cause, _REFUSED[status])
    if doing == "open it" and status == 404:  # noqa: PLR2004 - HTTP
        problem = f"there is no workspace {workspace!r} in this resource group and subscription"
        return WorkspaceNotFoundError(problem, "Compare the three names with those in the portal.")
    shown_status = status if status >= 400 else None  # noqa: PLR2004 - HTTP
    return WorkspaceRequestError(
        workspace, doing, cause, status=shown_status, advice=_advice(f"{code} {cause}"), code=code
    )


def _reported(error: Exception) -> tuple[int, dict[str, Any]] | None:
    """Return the status and the error of a reply; None if there was no reply."""
    for each in chain(error):
        if isinstance(each, ArmError):
            return each.status, each.error
        reported = getattr(each, "error", None)  # of an azure.core.HttpResponseError
        if getattr(reported, "message", None):
            return int(getattr(each, "status_code", 0) or 0), _plain(reported)
    return None


def _plain(reported: Any) -> dict[str, Any]:
    """Return azure-core's object as the document that it was parsed from."""
    details = [_plain(each) for each in getattr(reported, "details", None) or ()]
    found: dict[str, Any] = {name: getattr(reported, name, None) for name in ("code", "message")}
    return found | {"details": details}


def _of_sdk(error: Exception, *, workspace: str, doing: str) -> ModelshipError:
    """Translate an error without a reply: of the network, of sign-in, or of a check in the SDK."""
    checks = [each for each in chain(error) if _is_check(each)]
    if not checks:
        found = translate_v1(error, workspace=workspace, doing=doing)
        if isinstance(found, WorkspaceCredentialsError):
            found.advice = _SIGN_IN
        return found
    # The innermost is the check's own; the SDK's summary around it is colored, and many lines.
    text = str(getattr(checks[-1], "message", "") or checks[-1])
    text = shown(redacted(_COLOR.sub("", text)))
    return WorkspaceRequestError(workspace, doing, text, advice=_advice(text))


def _is_check(error: BaseException) -> bool:
    names = {each.__name__ for each in type(error).__mro__}
    return bool(names & {"MlException", "ValidationException"})


def _advice(text: str) -> str:
    return next((words for pattern, words in _ADVICE if re.search(pattern, text)), "")


def failure_of(operation: Mapping[str, Any]) -> str:
    """Return the cause of a failed operation in one line; empty if it has not failed."""
    return redacted(cause_of(operation)) if operation.get("error") else ""
