"""A case, checked and met raw: what the tests judge, and the benchmark counts."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from cases.case import lay
from cases.checking import findings_of
from cases.raw import meet

if TYPE_CHECKING:
    from pathlib import Path

    from cases.case import Case, Expected
    from cases.raw import Met
    from modelship.findings import Finding

__all__ = ["Observed", "observe", "runs_here"]


@dataclass(frozen=True)
class Observed:
    """What a check found in a case, and what happened on the real server."""

    case: Case
    findings: tuple[Finding, ...]
    met: Met

    @property
    def expected(self) -> Finding | None:
        """The finding that the case is for, if it was found: in the right place, and as severe."""
        want = self.case.expect
        return next((each for each in self.findings if want and _is(each, want)), None)

    @property
    def unexpected(self) -> tuple[Finding, ...]:
        """Of a good bundle everything that was found; of a broken one the errors of other codes."""
        want = self.case.expect
        if want is None:
            return self.findings
        codes = {want.code, *want.also}
        return tuple(each for each in self.findings if each.blocks and each.code not in codes)

    @property
    def went_as_told(self) -> bool:
        """Whether the raw path went, and said, what the case says it does."""
        told = self.case.server
        went = self.met.outcome == told["outcome"]
        return went and re.search(told["says"], self.met.said) is not None


def _is(finding: Finding, want: Expected) -> bool:
    told = (finding.code, finding.path, finding.line, str(finding.severity))
    return told == (want.code, want.path, want.line, want.severity)


def observe(case: Case, folder: Path) -> Observed:
    """Check a case, and meet it raw, in `folder`, which has to be empty."""
    laid = lay(case, folder)
    found = tuple(_below(each, folder) for each in findings_of(case, laid))
    return Observed(case, found, meet(case, laid, folder))


def runs_here(case: Case) -> bool:
    """Tell whether a case is broken, or good, on this process's Python."""
    return ".".join(map(str, sys.version_info[:2])) in SpecifierSet(case.requires_python)


def _below(finding: Finding, folder: Path) -> Finding:
    """Return a finding without the folder's own name, which differs from run to run."""
    paths = [f"{folder}/{each}/" for each in ("source", "trained")] + [f"{folder}/"]

    def short(text: str) -> str:
        for path in paths:
            text = text.replace(path, "")
        return text

    return replace(
        finding,
        path=short(finding.path),
        problem=short(finding.problem),
        advice=short(finding.advice),
        evidence=short(finding.evidence),
    )
