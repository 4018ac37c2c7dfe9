"""Define services, images and operations of a workspace as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Image", "Operation", "WorkspaceService"]


@dataclass(frozen=True)
class WorkspaceService:
    """A web service of a workspace.

    Attributes
    ----------
    name : str
        Its name.
    state : str
        One of Azure ML's states: Transitioning, Healthy, Unhealthy, Failed, Unschedulable,
        Deleting.
    scoring_uri : str
        The scoring URI; empty until it is known.
    tags : Mapping[str, str]
        Its tags.
    description : str
        Its description.
    created_at : str
        ISO 8601.
    model_ids : Sequence[str]
        The models that it serves.
    error : Mapping[str, Any]
        Why it is not healthy, as Azure reports it; may be empty.
    auth_enabled : bool
        Whether a request needs a key.
    """

    name: str
    state: str
    scoring_uri: str
    tags: Mapping[str, str]
    description: str
    created_at: str
    model_ids: Sequence[str]
    error: Mapping[str, Any]
    auth_enabled: bool = False


@dataclass(frozen=True)
class Image:
    """The script and environment that Azure ML builds.

    Attributes
    ----------
    name : str
        The environment's name.
    conda : Mapping[str, Any]
        The content of a conda environment file.
    entry_script : str
        The script's path; relative to `source_directory` if that is given.
    source_directory : str or None
        A folder that is sent whole.
    variables : Mapping[str, str]
        Environment variables of the service.
    """

    name: str
    conda: Mapping[str, Any]
    entry_script: str
    source_directory: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """The progress of a deployment.

    Attributes
    ----------
    operation_id : str
        Its id in Azure ML.
    state : str
        NotStarted, Running, Succeeded, Failed, Cancelled or TimedOut.
    step : str
        BuildEnvironment, BuildImage or DeployService; empty if Azure does not report it.
    error : Mapping[str, Any]
        Why it failed, as Azure reports it; may be empty.
    log : Sequence[str]
        The log lines since the last poll.
    log_uri : str
        The address of the build's log, if there is one.
    """

    operation_id: str
    state: str
    step: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)
    log: Sequence[str] = ()
    log_uri: str = field(default="", repr=False)

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in {"Succeeded", "Failed", "Cancelled", "TimedOut"}
