"""Facts: what a place says about a service, beside the service's own log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """What the place that runs a service says about it. Whatever it does not know is left out.

    Parameters
    ----------
    state : str
        Azure ML's word for what the service is doing, such as ``"Failed"``. Requests that have
        failed before are then no explanation; leave it out if one of them is to be explained.
    problem : str
        What the place says is wrong, in its own words.
    exit_code : int, optional
        What the process ended with; 128 plus the number of the signal that ended it.
    out_of_memory : bool, optional
        Whether the kernel ended a process of the service at its memory limit.
    memory_bytes : int, optional
        That limit.
    health : str
        What the engine's own health check says: ``"starting"``, ``"healthy"``, ``"unhealthy"``.
    restarts : int
        How often the place has started it again.
    timed_out : bool
        Whether a deadline passed while nothing answered.
    error : Mapping
        The error document of Azure: ``statusCode``, ``code``, ``message`` and ``details``.
    port : int, optional
        The port on which an answer is awaited, as the service sees it.
    """

    state: str = ""
    problem: str = ""
    exit_code: int | None = None
    out_of_memory: bool | None = None
    memory_bytes: int | None = None
    health: str = ""
    restarts: int = 0
    timed_out: bool = False
    error: Mapping[str, Any] | None = None
    port: int | None = None

    @property
    def is_timed_out(self) -> bool:
        """Whether a deadline of ours or of Azure's has passed."""
        return self.timed_out or (self.error or {}).get("code") == "DeploymentTimedOut"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the place says in words, one entry for each line; the most exact one last."""
        said = [self.problem, *_told(self.error or {})]
        return tuple(dict.fromkeys(line for text in said for line in text.splitlines() if line))


def _told(error: Mapping[str, Any], *, depth: int = 3) -> list[str]:
    """Return ``code: message`` of an error and of its details, where the cause mostly is."""
    parts = (error.get("code"), error.get("message"))
    told = [": ".join(str(part) for part in parts if part)]
    details = error.get("details")
    for detail in details if isinstance(details, list) and depth else ():
        if isinstance(detail, Mapping):
            told += _told(detail, depth=depth - 1)
    return told
