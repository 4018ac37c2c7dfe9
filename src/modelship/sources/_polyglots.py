"""Detect files that one loader reads as one format, and another as a pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.sources._pickled import read_all

if TYPE_CHECKING:
    from modelship.sources._parts import Part
    from modelship.sources._values import Findings

__all__ = ["note_pickles"]


def note_pickles(part: Part, findings: Findings, *, what: str) -> None:
    """Record the effects of unpickling a file, as another loader than that of `what` might do."""
    with part.opened(packed=False) as open_:
        read = read_all(open_)
    if read.error is None or read.acts(text=False):
        findings.add(read.findings)
        findings.hazards[f"it is a pickle as well as {what}"] = None
