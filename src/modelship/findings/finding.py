"""Finding and Diagnosis: a named cause, where it lies, and one thing to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Diagnosis", "Finding", "Severity"]


class Severity(Enum):
    """How bad a finding is."""

    ERROR = "error"
    """The service would not start, or would answer no request right. It blocks a deployment."""
    WARNING = "warning"
    """It may go wrong, or go wrong later. It is shown, and blocks nothing."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Parameters
    ----------
    code : str
        The rule's stable code, such as ``"MS101"``; :data:`~modelship.findings.RULES` has all.
    severity : Severity
        Whether it blocks a deployment.
    problem : str
        What was found, as a sentence.
    advice : str
        One thing to do about it, as a sentence.
    path : str
        The file that it was found in, as the bundle names it; ``""`` if it is in none.
    line : int, optional
        The line in that file, from 1.
    evidence : str
        Lines that prove it, such as those of a traceback; ``""`` where `problem` says it all.
    """

    code: str
    severity: Severity
    problem: str
    advice: str
    path: str = ""
    line: int | None = None
    evidence: str = ""

    @property
    def where(self) -> str:
        """``"score.py:12"``, ``"score.py"``, or ``""``."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path

    @property
    def blocks(self) -> bool:
        """Whether it keeps a bundle from being deployed."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.code} {self.problem} {self.advice}"


@dataclass(frozen=True)
class Diagnosis:
    """Why a service does not run, as far as it can be told from what it left.

    Parameters
    ----------
    code : str
        The code of the rule that names the cause, as in a :class:`Finding`.
    cause : str
        What went wrong, as a sentence.
    remedy : str
        One thing to do about it, as a sentence.
    evidence : tuple[str, ...]
        The lines of the log, or of the error document, that prove it.
    where : str
        The place in the bundle that it comes from, such as ``"score.py:12"``; ``""`` if unknown.
    """

    code: str
    cause: str
    remedy: str
    evidence: tuple[str, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.code} {self.cause} {self.remedy}"
