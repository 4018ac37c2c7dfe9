"""Configure the isolation of a container, and read its record and state."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modelship.diagnosis import Facts
from modelship.errors import InvalidOptionError
from modelship.runtime.images import labels
from modelship.runtime.images.dockerfiles import PORT, SERVICE_REPOSITORY
from modelship.targets.http_scoring import answers
from modelship.targets.instance import Instance
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle import Resources
    from modelship.runtime.images.inspection import Container

__all__ = [
    "answers_itself",
    "at",
    "check_resources",
    "confinement",
    "digest_in_labels",
    "facts_of",
    "last_words",
    "read_record",
    "settled_state",
    "uri_of",
]

# The engine's minimum: a hundredth of a core, and since its release 20.10 six mebibytes.
_FEWEST_CORES = 0.01
_LEAST_MEMORY_BYTES = 6 * 2**20
_NANO = 1_000_000_000
_MOST_PROCESSES = 1024

_SETTLED = MappingProxyType(
    {
        "created": State.FAILED,  # its creator exited before it could start it
        "exited": State.FAILED,
        "dead": State.FAILED,
        "removing": State.DELETING,
        "paused": State.UNHEALTHY,
        "restarting": State.TRANSITIONING,
    }
)


def check_resources(resources: Resources, *, cores: int, memory_bytes: int) -> None:
    """Check that an engine with these resources can provide those that a service requests.

    Raises
    ------
    InvalidOptionError
        If it requests more than there is, or less than the engine's minimum.
    """
    if not _FEWEST_CORES <= resources.cpu_cores <= cores:
        expected = f"{_FEWEST_CORES} to {cores}, the cores that the Docker engine has"
        raise InvalidOptionError("cpu_cores", resources.cpu_cores, expected)
    if not _LEAST_MEMORY_BYTES <= resources.memory_bytes <= memory_bytes:
        least, most = f"{_LEAST_MEMORY_BYTES / 2**30:.3f}", f"{memory_bytes / 2**30:.1f}"
        expected = f"{least} to {most}, the memory that the Docker engine has"
        raise InvalidOptionError("memory_gb", resources.memory_gb, expected)


def confinement(
    resources: Resources, *, port: int | None, mounts: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return the host config of a container: its limits, mounts, and published port."""
    memory_bytes = resources.memory_bytes
    return {
        "mounts": list(mounts),
        "port_bindings": {f"{PORT}/tcp": ("127.0.0.1", port)},
        "mem_limit": memory_bytes,
        "memswap_limit": memory_bytes,  # memory and swap together: no swap
        "nano_cpus": int(resources.cpu_cores * _NANO),
        "pids_limit": _MOST_PROCESSES,
        "read_only": True,
        # Files in it count as memory; half of it, like the kernel's default for a tmpfs.
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,mode=1777,size={memory_bytes // 2}"},  # noqa: S108 - in the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "init": True,  # reaps orphaned subprocesses of a script
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
    }


def read_record(container: Container) -> Instance:
    """Return the record in a container's label, with its scoring URI; or a broken one with it.

    The label is written before the port is known, so the container's own URI comes from its
    currently published port.
    """
    where = f"the label {labels.RECORD} of the container {container.name}"
    try:
        record = Instance.from_json(container.labels.get(labels.RECORD, ""))
    except ValueError as error:
        problem = f"{where} cannot be used: {error}"
        return at(Instance.unreadable(container.name, problem), container)
    if record.instance_id != container.name:
        problem = f"{where} is that of {record.instance_id}"
        return at(Instance.unreadable(container.name, problem), container)
    return at(record, container)


def digest_in_labels(container: Container) -> str:
    """Return the digest of a container's bundle, as far as the name of its image has it.

    For a container whose record is invalid.
    """
    repository, _, tag = container.labels.get(labels.SERVICE_IMAGE, "").rpartition(":")
    return tag if repository == SERVICE_REPOSITORY else ""


def at(instance: Instance, container: Container) -> Instance:
    """Return the record with its container's own URI, next to the address that it may have."""
    own_uri = uri_of(container)
    if instance.scoring_uri:
        return instance.at(instance.scoring_uri, own_uri=own_uri)
    return instance.at(own_uri)


def uri_of(container: Container) -> str:
    """Return the container's own URI, or ``""`` while it does not run."""
    return f"http://127.0.0.1:{container.port}/score" if container.port else ""


def answers_itself(container: Container) -> bool:
    """Return whether a container answers at its own port."""
    uri = uri_of(container)
    return bool(uri) and answers(uri)


def settled_state(container: Container) -> State | None:
    """Return the state that follows from the engine's report alone; None if a probe is needed."""
    return _SETTLED.get(container.status)


def last_words(container: Container, *, out_of_memory: bool) -> str:
    """Return a line that says how a container exited or ran out of memory, or else ``""``."""
    said = [f"exit code {container.exit_code}"] if _has_ended(container) else []
    if out_of_memory:
        limit_gb = container.memory_bytes / 2**30
        said.insert(0, f"killed for memory (OOMKilled) at its limit of {limit_gb:g} GiB")
    return f"[modelship] the container was ended: {', '.join(said)}\n" if said else ""


def facts_of(container: Container, *, out_of_memory: bool | None) -> Facts:
    """Return an engine's report about a container, for a diagnosis."""
    words = last_words(container, out_of_memory=bool(out_of_memory)).strip()
    return Facts(
        problem="\n".join(line for line in (container.problem, words) if line),
        exit_code=container.exit_code if _has_ended(container) else None,
        out_of_memory=out_of_memory,
        memory_bytes=container.memory_bytes or None,
        health=container.health,
        restarts=container.restarts,
        port=PORT,
    )


def _has_ended(container: Container) -> bool:
    return container.status in {"exited", "dead"}
