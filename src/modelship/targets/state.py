"""Define the states of a deployment, in Azure ML's terms."""

from __future__ import annotations

from enum import Enum

__all__ = ["State"]


class State(str, Enum):
    """The state of a deployment."""

    TRANSITIONING = "Transitioning"
    """It was started and has not answered yet."""
    HEALTHY = "Healthy"
    """It answers its health check."""
    UNHEALTHY = "Unhealthy"
    """It answered before, still runs, and does not answer now."""
    FAILED = "Failed"
    """It ended, or never started."""
    DELETING = "Deleting"
    """It is being removed."""

    def __str__(self) -> str:
        return self.value
