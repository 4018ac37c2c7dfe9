"""Report problems that are likely from reading a bundle, and that only running it confirms.

Static analysis never overrules what a script does. Where the script may handle the case itself, a
finding is a doubt: a warning, until a successful trial refutes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelship.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Doubt", "doubted", "doubted_if", "settled"]


@dataclass(frozen=True)
class Doubt(Finding):
    """A finding that a trial on the sample request confirms or refutes."""


def doubted(finding: Finding) -> Doubt:
    """Return a finding as a doubt, which is a warning."""
    return Doubt(**{**vars(finding), "severity": Severity.WARNING})


def doubted_if(doubt: bool, finding: Finding) -> Finding:  # noqa: FBT001 - reads as a condition
    """Return a finding unchanged, or as a doubt if `doubt` is true."""
    return doubted(finding) if doubt else finding


def settled(found: Iterable[Finding], *, tried: bool, by: Iterable[Finding] = ()) -> list[Finding]:
    """Return findings as plain ones, without the doubts that a trial has settled.

    Parameters
    ----------
    found : Iterable[Finding]
        The findings of static analysis.
    tried : bool
        Whether a trial on a sample request succeeded.
    by : Iterable[Finding]
        The findings of a trial, which settle doubts of the same kind.
    """
    known = {each.code for each in by}
    return [
        Finding(**vars(each))
        for each in found
        if not isinstance(each, Doubt) or not (tried or each.code in known)
    ]
