"""A case, checked and met raw: what the tests judge, and the benchmark counts."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from cases.case import lay
from cases.checking import findings_of
from cases.raw import meet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cases.case import Case, Expected
    from cases.raw import Met
    from modelship.findings import Finding

    Start = Callable[..., Callable[[], "Observed"]]

__all__ = ["Observed", "observing", "runs_here"]


@dataclass(frozen=True)
class Observed:
    """What a check found in a case, and what happened on the real server."""

    case: Case
    findings: tuple[Finding, ...]
    met: Met | None

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
        if self.met is None:
            return False
        went = self.met.outcome == told["outcome"]
        return went and re.search(told["says"], self.met.said) is not None


def _is(finding: Finding, want: Expected) -> bool:
    told = (finding.code, finding.path, finding.line, str(finding.severity))
    return told == (want.code, want.path, want.line, want.severity)


@contextmanager
def observing(*, at_once: int) -> Iterator[Start]:
    """Give what begins to observe a case in an empty folder, and returns what waits for the end.

    The checks are one after the other: two threads that call ast.parse() at once get a SystemError
    now and then, since CPython before 3.13 counts the depth for all of them together
    (malthe/chameleon#387, python/cpython#106905).
    """
    meeting, checking = ThreadPoolExecutor(at_once), ThreadPoolExecutor(1)

    def start(case: Case, folder: Path, *, on_server: bool = True) -> Callable[[], Observed]:
        laid = meeting.submit(lay, case, folder)
        met = meeting.submit(lambda: meet(case, laid.result(), folder) if on_server else None)
        found = checking.submit(lambda: findings_of(case, laid.result()))
        return lambda: Observed(
            case, tuple(_below(each, folder) for each in found.result()), met.result()
        )

    try:
        yield start
    finally:
        for pool in (meeting, checking):
            pool.shutdown(cancel_futures=True)


def runs_here(case: Case) -> bool:
    """Return whether a case is broken, or good, on this process's Python."""
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
