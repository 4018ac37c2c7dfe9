"""List the targets by name, and the options of Serving that each supports."""

from __future__ import annotations

from typing import Final

from modelship.registry import Registry

__all__ = ["TARGETS", "targets_that_keep"]

TARGETS: Final = Registry(
    kind="target",
    group="modelship.targets",
    builtins={
        "process": "modelship.targets.process:ProcessBackend",
        "docker": "modelship.targets.docker:DockerBackend",
        "aci": "modelship.targets.aci:AciBackend",
        "memory": "modelship.testing.memory:MemoryBackend",
    },
)

_FOR_USERS: Final = ("process", "docker", "aci")


def targets_that_keep(option: str) -> tuple[str, ...]:
    """Return the names of our own targets that support an option of Serving."""
    return tuple(each for each in _FOR_USERS if option in TARGETS.load(each).serves)
