"""Define the resources that a service may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from modelship.errors import InvalidOptionError

__all__ = ["Resources"]

_MOST: Final = 1_000_000.0  # more than any machine has


@dataclass(frozen=True)
class Resources:
    """The processor and memory that a service requests.

    Parameters
    ----------
    cpu_cores : float
        Processor cores, above 0; may be a fraction.
    memory_gb : float
        Memory in gibibytes (2**30 bytes, as Azure Container Instances counts), above 0.

    Raises
    ------
    InvalidOptionError
        If either is not a number above 0 and up to 1000000.
    """

    cpu_cores: float = 1.0
    memory_gb: float = 1.0

    def __post_init__(self) -> None:
        for option in ("cpu_cores", "memory_gb"):
            object.__setattr__(self, option, _positive(option, getattr(self, option)))

    @property
    def memory_bytes(self) -> int:
        """The memory in bytes."""
        return int(self.memory_gb * 2**30)


def _positive(option: str, found: Any) -> float:
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if is_number and 0 < found <= _MOST:
        return float(found)
    raise InvalidOptionError(
        option=option, found=found, expected="a number above 0 and up to 1000000"
    )
