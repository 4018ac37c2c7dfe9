"""Candidate: one explanation that a log offers, and how much it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelship.findings import Diagnosis

__all__ = ["DECISIVE", "HINT", "TELLING", "Candidate"]

DECISIVE: Final = 3
"""Names the cause, as a traceback does."""
TELLING: Final = 2
"""Names what happened, in someone else's words; a traceback says more."""
HINT: Final = 1
"""Tells that it went wrong; what says why counts more."""


@dataclass(frozen=True)
class Candidate:
    """One explanation: how much it says, and in which line of the log, counted from 0."""

    weight: int
    line: int
    diagnosis: Diagnosis
