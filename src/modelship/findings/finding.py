"""Define Finding and Diagnosis: a named cause, its location, and one remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modelship.shown import bold, card, code, counted, folded, lines, mark, quoted, table

__all__ = ["Diagnosis", "Finding", "Findings", "Severity"]


class Severity(Enum):
    """The severity of a finding."""

    ERROR = "error"
    """The service would not start, or would answer requests incorrectly. It blocks a deployment."""
    WARNING = "warning"
    """It may cause a failure, now or later. It is shown, and does not block."""

    def __str__(self) -> str:
        return self.value


class Explanation:
    """A problem, the rule that names it, its location, and one piece of advice.

    That of a check is a :class:`Finding`, and that of a service that does not run a
    :class:`Diagnosis`.
    """

    code: str
    problem: str
    advice: str

    @property
    def where(self) -> str:
        """``"score.py:12"``, ``"score.py"``, or ``""``."""
        raise NotImplementedError

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.code} {self.problem} {self.advice}"


@dataclass(frozen=True)
class Finding(Explanation):
    """One problem found by a check.

    Parameters
    ----------
    code : str
        The rule's stable code, such as ``"MS101"``; :data:`~modelship.findings.RULES` has all.
    severity : Severity
        Whether it blocks a deployment.
    problem : str
        The problem, as a sentence.
    advice : str
        The advice, as a sentence.
    path : str
        The file with the problem, as named in the bundle; ``""`` if there is none.
    line : int, optional
        The line in that file, from 1.
    evidence : str
        Lines that prove it, such as those of a traceback; ``""`` if `problem` is sufficient.
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
        return f"{self.path}:{self.line}" if self.path and self.line else self.path

    @property
    def blocks(self) -> bool:
        """Whether it prevents a bundle from being deployed."""
        return self.severity is Severity.ERROR

    def _repr_html_(self) -> str:
        return Findings((self,))._repr_html_()


class Findings(tuple[Finding, ...]):
    """The findings of a check, errors first: a tuple that a notebook shows as a table."""

    __slots__ = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that prevent a bundle from being deployed."""
        return tuple(each for each in self if each.blocks)

    @property
    def summary(self) -> str:
        """How many errors and warnings there are, in words."""
        errors = len(self.errors)
        found = {"error": errors, "warning": len(self) - errors}
        return ", ".join(counted(n, word) for word, n in found.items() if n) or "nothing found"

    def __str__(self) -> str:
        return "\n".join(f"{each.severity} {each}" for each in self) or self.summary

    def _repr_html_(self) -> str:
        if not self:
            return card(mark(self.summary, "good"))
        title = mark(self.summary, "bad" if self.errors else "warn")
        return card(title, table(("", "where", "what, and what to do"), map(_row, self)))


def _row(found: Finding) -> tuple[object, ...]:
    proof = folded("what proves it", quoted(found.evidence)) if found.evidence else ""
    tone = "bad" if found.blocks else "warn"
    where = code(found.where) if found.where else ""
    return (
        mark(f"{found.severity} {found.code}", tone),
        where,
        lines(found.problem, bold(found.advice), proof),
    )


@dataclass(frozen=True)
class Diagnosis(Explanation):
    """Why a service does not run, as far as its log and state show.

    Parameters
    ----------
    code : str
        The code of the rule that names the cause, as in a :class:`Finding`.
    problem : str
        The problem, as a sentence; ``cause`` is the same.
    advice : str
        The advice, as a sentence; ``remedy`` is the same.
    evidence : tuple[str, ...]
        The lines of the log, or of the error document, that prove it.
    where : str
        The place in the bundle that it comes from, such as ``"score.py:12"``; ``""`` if unknown.
    """

    code: str
    problem: str
    advice: str
    evidence: tuple[str, ...] = ()
    where: str = ""

    @property
    def cause(self) -> str:
        """The problem."""
        return self.problem

    @property
    def remedy(self) -> str:
        """The advice."""
        return self.advice

    def _repr_html_(self) -> str:
        proof = quoted("\n".join(self.evidence)) if self.evidence else ""
        return card(
            mark(self.code, "bad"), lines(self.problem, proof, bold(self.advice)), note=self.where
        )
