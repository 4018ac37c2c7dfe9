"""The logs of online deployments, in Azure's format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.testing.offline.moments import moment
from modelship.testing.offline.service_documents import model_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["container_log", "storage_log"]

_STEPS: Final = ("SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart")
# By what an error says: the step that it stops at, whether the step is still retried, the event.
_STOPS: Final = (
    ("ImageBuildFailure", "UserContainerImagePull", "Waiting", ""),
    ("OutOfQuota", "SystemSetup", "Waiting", ""),
    ("pull permission", "UserContainerImagePull", "InProgress", "ImagePullFailed"),
    ("Unable to download user model", "ModelDownload", "InProgress", "DownloadFailed"),
    ("Readiness probe failed", "UserContainerStart", "InProgress", "ReadinessProbeFailed"),
    ("OOMKilled", "UserContainerStart", "InProgress", "ContainerOOMKilled"),
    ("User container has crashed", "UserContainerStart", "InProgress", "LivenessProbeFailed"),
)
# By step: the events of one that succeeds.
_EVENTS: Final = {
    "UserContainerImagePull": (
        ("Pulling", "Start pulling container image"),
        ("Pulled", "Container image is pulled successfully"),
    ),
    "ModelDownload": (
        ("Downloading", "Start downloading models"),
        ("Downloaded", "Models are downloaded successfully"),
    ),
    "UserContainerStart": (
        ("Created", "Created container inference-server"),
        ("Started", "Started container inference-server"),
        ("ContainerReady", "Container is ready"),
    ),
}


def container_log(document: Mapping[str, Any], output: str) -> str:
    """Return the log of the container of a deployment, whose output is `output`."""
    stop, state, event = _stop_of(document)
    before = _STEPS.index(stop) if stop else len(_STEPS)
    statuses = [f"{step}: Succeeded" for step in _STEPS[:before]]
    statuses += [f"{stop}: {state}"] if stop else []
    statuses += [f"{step}: Waiting" for step in _STEPS[before + 1 :]]
    events = list(_events(document, _STEPS[:before], event))
    return "\n".join(
        ("Instance status:", *statuses, "", "Container events:", *events, "", output.rstrip(), "")
    )


def storage_log(document: Mapping[str, Any]) -> str:
    """Return the log of the container that downloads the models of a deployment."""
    stop, _, _ = _stop_of(document)
    if stop in _STEPS[:2]:
        return ""
    lines = [f"{moment()} [modelship] downloading {each}" for each in model_ids(document)]
    if stop == "ModelDownload":
        lines.append(f"{moment()} {(document.get('error') or {}).get('message', '')}")
    else:
        lines.append(f"{moment()} [modelship] all models are downloaded")
    return "\n".join([*lines, ""])


def _stop_of(document: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the step at which a deployment stopped, its state and event; "" if at none."""
    error = document.get("error")
    if error is None:
        running = document["state"] == "Transitioning"
        return ("UserContainerStart", "InProgress", "") if running else ("", "", "")
    said = f"{error['code']} {error['message']}"
    found = (rest for sign, *rest in _STOPS if sign in said)
    stop, state, event = next(found, ("SystemSetup", "Waiting", ""))
    return stop, state, event


def _events(document: Mapping[str, Any], done: tuple[str, ...], failed: str) -> Iterator[str]:
    time = document["updatedTime"]
    for step in done:
        for name, message in _EVENTS.get(step, ()):
            yield f"Kind: Pod, Name: {name}, Type: Normal, Time: {time}, Message: {message}"
    if failed:
        message = (document.get("error") or {}).get("message", "")
        yield f"Kind: Pod, Name: {failed}, Type: Warning, Time: {time}, Message: {message}"
