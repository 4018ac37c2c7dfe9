"""How deployments fail on Azure: the error shapes, and how a test causes them.

The shapes, and most of the messages, are those that users of the service quote in public reports:
``AciDeploymentFailed`` with ``CrashLoopBackOff`` in its details, ``EnvironmentBuildFailed``,
``DeploymentTimedOut``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.targets.logtail import relevant_part
from modelship.testing.offline.faults import MARK
from modelship.testing.offline.service_documents import MANAGED, OWN
from modelship.testing.offline.v2.managed_failures import managed_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelship.bundle.scoring_script import SourceFile
    from modelship.testing.offline.build_causes import BuildCause

__all__ = [
    "MARK",
    "DeploymentFailure",
    "build_failed",
    "crashed",
    "interrupted",
    "never_started",
    "not_pulled",
    "out_of_memory",
    "overloaded",
    "quota_exceeded",
    "sabotaged",
    "timed_out",
]

_ACI_FAILED = "AciDeploymentFailed"
_AKS_FAILED = "KubernetesDeploymentFailed"

_SABOTAGE = {
    "crash": """
def init():
    raise RuntimeError("an injected fault: init() crashes")
""",
    "never-healthy": """
def init():
    import threading

    print("an injected fault: init() never returns", flush=True)
    threading.Event().wait()
""",
    "out-of-memory": """
def init():
    import time

    print("an injected fault: init() takes memory without end", flush=True)
    taken = []
    while True:
        taken.append(b"x" * 2**24)
        time.sleep(0.01)
""",
}

# The last line of a traceback: the exception's class and message.
_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning)): ?(.*)$")
_SDK_MESSAGE = re.compile(r"^\s+Message: (.+)$")
"""The second line of an exception of azureml-core; its first line is only the name."""
_CRASH = "Your container application crashed. This may be caused by errors in your scoring file's "


class DeploymentFailure(Exception):  # noqa: N818 - what happened to a service, not in this program
    """A failed deployment, as Azure reports it.

    Parameters
    ----------
    code : str
        Such as ``"DeploymentTimedOut"``.
    status : int
        The HTTP status that Azure gives for it.
    message : str
        A sentence.
    details : dict
        Further fields of the error.
    operation_state, service_state : str
        The states of the operation and of the service after the failure.
    log : str
        The content of the service's log if no container has run.
    """

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        details: Mapping[str, Any] = MappingProxyType({}),
        operation_state: str = "Failed",
        service_state: str = "Failed",
        log: str = "",
    ) -> None:
        super().__init__(message)
        self.error = {"code": code, "statusCode": status, "message": message, **details}
        """The error of the operation and of the service."""
        self.operation_state = operation_state
        self.service_state = service_state
        self.log = log

    def error_at(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the error as the place of a service, such as a cluster, reports it."""
        if document.get("computeType") == MANAGED:
            return managed_error(self.error, operation=document[OWN]["operation"])
        if document.get("computeType") != "AKS" or self.error["code"] != _ACI_FAILED:
            return self.error
        return self.error | {"code": _AKS_FAILED, "message": "Kubernetes Deployment failed"}


def build_failed(cause: BuildCause | None = None) -> DeploymentFailure:
    """Return the failure of a build; Azure reports its cause only in the operation's log."""
    message = "Failed Building the Environment."
    if cause is None:
        return DeploymentFailure("EnvironmentBuildFailed", 400, message)
    log = f"{message}\n{cause.log}\n"
    return DeploymentFailure("EnvironmentBuildFailed", 400, f"{message} {cause.message}", log=log)


def crashed(name: str, log: str) -> DeploymentFailure:
    """Return the failure of a container that crashes repeatedly with the exception in `log`."""
    if raised := _raised(relevant_part(log).splitlines()):
        hint = "please run print(service.get_logs()) to get details."
        return _aci_failed("CrashLoopBackOff", f"Error in entry script, {raised}, {hint}")
    hint = (
        f"init() function.\nPlease check the logs for your container instance: {name}. From the "
        "AML SDK, you can run print(service.get_logs()) if you have service object to fetch the "
        "logs."
    )
    return _aci_failed("CrashLoopBackOff", _CRASH + hint)


def _raised(lines: Sequence[str]) -> str:
    """Return the last exception among the lines of a log, or ``""``."""
    for line, following in reversed([*zip(lines, [*lines[1:], ""], strict=False)]):
        if found := _EXCEPTION.match(line):
            message = _SDK_MESSAGE.match(following)
            return f"{found[1]}: {message[1]}" if message else found[0]
    return ""


def out_of_memory(name: str, *, memory_gb: float) -> DeploymentFailure:
    """Return the failure of a container that was killed at its memory limit."""
    return _aci_failed(
        "OOMKilled",
        f"Your container application was terminated (OOMKilled, exit code 137). Container "
        f"instance {name} exceeded its memory limit of {memory_gb:g} GB. Please deploy with a "
        "higher memory_gb.",
    )


def never_started(cause: str) -> DeploymentFailure:
    """Return the failure of a container that could not be started."""
    return _aci_failed("ContainerGroupProvisioningFailed", cause, log=f"{cause}\n")


def not_pulled(image: str, problem: str) -> DeploymentFailure:
    """Return the failure of a container whose image the engine cannot pull."""
    message = (
        f"The image {image} cannot be pulled: {problem.rstrip('.')}. Build or pull it on this "
        "machine, or log in to its registry with docker login, and deploy again."
    )
    return DeploymentFailure("BadArgument", 400, message, log=f"{message}\n")


def timed_out() -> DeploymentFailure:
    """Return the failure of a service that did not become healthy before the timeout."""
    message = (
        "The deployment operation polling has TimedOut. The service creation is taking longer than "
        "our normal time. We are still trying to achieve the desired state for the web service. "
        "Please check the webservice state for the current webservice health. From SDK you can run "
        "print(service.state) to know the current state of the webservice."
    )
    return DeploymentFailure(
        "DeploymentTimedOut", 504, message, operation_state="TimedOut", service_state="Unhealthy"
    )


def interrupted() -> DeploymentFailure:
    """Return the failure of a deployment that was in progress when the workspace ended."""
    message = "The offline workspace was closed while the service was being deployed."
    return DeploymentFailure("Interrupted", 500, message)


def overloaded(cpu: float, memory_gb: float) -> str:
    """Return the message for more than a container can have; Azure ML adds its own overhead."""
    return (
        f"Resource requested: '{cpu + 0.2:g}' CPU '{memory_gb + 1:g}' GB memory (including "
        "additional CPU and memory overhead for necessary Azure Machine Learning services) "
        "exceeded resource limitation on container. Please specify lower CPU and memory settings "
        "for the container."
    )


def quota_exceeded(*, limit: float, usage: float, requested: float, location: str) -> str:
    """Return the message for more cores than the subscription may use at once."""
    return (
        "Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota "
        f"'StandardCores' exceeded in region '{location}'. Limit: '{limit:g}', Usage: "
        f"'{usage:g}' Requested: '{requested:g}'."
    )


def sabotaged(
    source: Iterable[SourceFile], *, entry_script: str, stage: str
) -> tuple[SourceFile, ...]:
    """Return the files of a service with an entry script that fails at `stage`.

    Its ``init()`` is replaced by a failing one; for other stages nothing changes.
    """
    added = _SABOTAGE.get(stage, "").encode()
    return tuple(
        replace(file, content=file.content + b"\n\n" + added)
        if added and file.path == entry_script
        else file
        for file in source
    )


def _aci_failed(code: str, message: str, *, log: str = "") -> DeploymentFailure:
    whole = f"Aci Deployment failed with exception: {message}"
    details = {"details": [{"code": code, "message": message}]}
    return DeploymentFailure(_ACI_FAILED, 400, whole, details=details, log=log)
