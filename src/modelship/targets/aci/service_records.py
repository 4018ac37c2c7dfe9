"""Define services, images and operations of a workspace as values.

The record of an instance is encoded as the tags of its service: tags are the only values that both
a new service and an update can set. Each value is short, since its length is limited; the user's
own tags are kept next to them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelship.targets.instance import Instance
from modelship.targets.release import ReleaseRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.targets.release_record import Scalar

__all__ = [
    "PREFIX",
    "Image",
    "Operation",
    "WorkspaceService",
    "instance_id",
    "read_record",
    "record_tags",
]

PREFIX = "modelship."
"""The prefix of the tags of a record."""

_PART = f"{PREFIX}part."
_MOST_CHARACTERS = 256  # in the value of a tag: "Use tags to organize your Azure resources"
_OPTION = f"{PREFIX}option."


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


def record_tags(instance: Instance) -> Mapping[str, str]:
    """Return the tags of a service that runs this instance: the bundle's tags, and the record."""
    release = instance.release
    record = {
        "instance": instance.instance_id,
        "release": release.digest,
        "digest": release.bundle,
        "model": release.model[:_MOST_CHARACTERS],
        "created": instance.created_at,
        "input-key": release.input_key,
        "input-form": release.input_form,
        "task": release.task or None,
        "options": None if release.options is None else "recorded",
    }
    ours = {PREFIX + name: value for name, value in record.items() if value is not None}
    parts = {_PART + name: digest for name, digest in release.parts.items()}
    options = {_OPTION + name: json.dumps(value) for name, value in (release.options or {}).items()}
    return {**release.tags, **ours, **parts, **options}


def instance_id(tags: Mapping[str, str], *, name: str) -> str:
    """Return the id in the tags of the service `name`; its name if it has no such tag."""
    return tags.get(f"{PREFIX}instance", name)


def read_record(service: WorkspaceService) -> Instance:
    """Return the record of a service; a partial one if the service was deployed by other means."""
    tags = service.tags
    parts = {key.removeprefix(_PART): value for key, value in tags.items() if key.startswith(_PART)}
    return Instance(
        instance_id=instance_id(tags, name=service.name),
        name=service.name,
        created_at=tags.get(f"{PREFIX}created", service.created_at),
        scoring_uri=service.scoring_uri,
        release=ReleaseRecord(
            digest=tags.get(f"{PREFIX}release", ""),
            bundle=tags.get(f"{PREFIX}digest", ""),
            parts=parts,
            options=_options(service),
            model=tags.get(f"{PREFIX}model", ", ".join(service.model_ids)),
            input_key=tags.get(f"{PREFIX}input-key"),
            input_form=tags.get(f"{PREFIX}input-form"),
            task=tags.get(f"{PREFIX}task", ""),
            tags={key: value for key, value in tags.items() if not key.startswith(PREFIX)},
            description=service.description.strip(),
        ),
    )


def _options(service: WorkspaceService) -> Mapping[str, Scalar] | None:
    """Return the options in the tags of a service; None if they were not recorded.

    Whether it requires a key is its actual state, not the recorded one: anybody may change it.
    """
    tags = service.tags
    if f"{PREFIX}options" not in tags:
        return None
    found = {
        key.removeprefix(_OPTION): value for key, value in tags.items() if key.startswith(_OPTION)
    }
    return {**{name: _scalar(found[name]) for name in found}, "auth": service.auth_enabled}


def _scalar(text: str) -> Scalar:
    try:
        value = json.loads(text)
    except ValueError:  # the tag was changed: it differs from every option
        return text
    return value if isinstance(value, (str, int, float, bool)) else text
