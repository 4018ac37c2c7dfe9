"""The errors of deployments in the format of managed online endpoints.

The codes and the messages are those of Azure ML's troubleshooting page and of public reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["build_log", "managed_error", "quota_details", "quota_message"]

_GUIDE: Final = (
    "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-{anchor}"
)
_CRASH: Final = (
    "User container has crashed or terminated: Liveness probe failed: HTTP probe failed with "
    "statuscode: 502. "
)
_NOT_READY: Final = "User container is not ready: Readiness probe failed: HTTP probe failed. "
_KILLED: Final = "User container has crashed or terminated: OOMKilled, exit code 137. "
_BUILD: Final = "Image building failed. The build log is azureml/{log} in the storage. "


def build_log(operation: str) -> str:
    """Return the blob with the log of a build that failed, in the container ``azureml``."""
    return f"ImageLogs/{operation}/build.log"


def managed_error(error: Mapping[str, Any], *, operation: str) -> dict[str, Any]:
    """Return the error of a failed deployment as managed online endpoints report it.

    Parameters
    ----------
    error : Mapping[str, Any]
        The error as Container Instances report it.
    operation : str
        The operation that failed.
    """
    code, message = error["code"], error["message"]
    details = error.get("details") or []
    if code == "EnvironmentBuildFailed":
        cause = message.removeprefix("Failed Building the Environment.").strip()
        told = [{"code": "BuildFailed", "message": cause}] if cause else []
        return _error(
            "ImageBuildFailure",
            _BUILD.format(log=build_log(operation)) + _guide("imagebuildfailure"),
            told,
        )
    if code == "DeploymentTimedOut":
        return _error("ResourceNotReady", _NOT_READY + _guide("resourcenotready"))
    if code == "AciDeploymentFailed" and details:
        return _of_container(details[0])
    return _error(code, message, details)


def quota_message(*, size: str, limit: int, usage: int, needed: int) -> str:
    """Return the message for more cores than the quota for a size of machines has left."""
    return (
        f"Not enough quota available for {size} in the subscription. Current usage/limit: "
        f"{usage}/{limit}. Additional needed: {needed}. {_guide('outofquota')}"
    )


def quota_details(message: str) -> list[dict[str, str]]:
    """Return the details of the refusal of a deployment that exceeds a quota."""
    inner = f'{{"error": {{"code": "OutOfQuota", "message": "{message}"}}}}'
    return [{"code": "InferencingClientCreateDeploymentFailed", "message": inner}]


def _of_container(detail: Mapping[str, str]) -> dict[str, Any]:
    """Return the error of a container that crashed, was killed or never started."""
    if detail["code"] == "OOMKilled":
        return _error("BadArgument", _KILLED + _guide("resourcenotready"))
    if detail["code"] == "CrashLoopBackOff":
        return _error("BadArgument", _CRASH + _guide("resourcenotready"))
    return _error("InternalServerError", detail["message"])


def _error(code: str, message: str, details: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details or []}


def _guide(anchor: str) -> str:
    return _GUIDE.format(anchor=anchor)
