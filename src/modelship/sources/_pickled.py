"""Read a whole pickle on disk, or explain why it is not one."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.sources._calls import COMPUTES_NAMES
from modelship.sources._globals import Judgement, is_dangerous, judge
from modelship.sources._inert import read_pickle
from modelship.sources._stream import (
    ByteStream,
    EndedEarlyError,
    MalformedError,
    UndescribedError,
)
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FOLLOWS", "Pickled", "read_all"]

FOLLOWS: Final = "there is extra data after the pickle"
"""Why the passport of a file with data after its pickle is incomplete."""
_ACT_WHEN_IMPORTED: Final = frozenset(("antigravity", "this", "idlelib", "lib2to3", "__main__"))


@dataclass
class Pickled:
    """The result of reading the pickles in a file; ``error`` is set if it contains none."""

    findings: Findings = field(default_factory=Findings)
    unpacked_bytes: int | None = None
    error: MalformedError | EndedEarlyError | None = None

    def acts(self, *, text: bool) -> bool:
        """Return whether loading has effects before it fails, so that its calls matter.

        Lines of a `text` may look like imports. Only few of those modules have effects.
        """
        names = self.findings.uses
        if text and not self.findings.calls:
            return any(name.partition(".")[0] in _ACT_WHEN_IMPORTED for name in names)
        return bool(self.findings.calls) or any(
            judge(name, uses) is Judgement.DANGEROUS for name, uses in names.items()
        )


def read_all(open_: Callable[[], ByteStream], *, arrays: bool = True) -> Pickled:
    """Read one pickle after the other, as joblib would, and as other loaders would."""
    read = Pickled()
    findings = read.findings
    try:
        stream = open_()
        read_pickle(stream, findings, arrays=arrays)
        protocol = findings.protocol
        _read_more(stream, findings, arrays=arrays)
        findings.protocol = protocol
        read.unpacked_bytes = stream.finish()
    except UndescribedError as error:
        findings.incomplete[str(error)] = None
    except (EndedEarlyError, MalformedError) as error:
        read.error = error
    if findings.goes_on:
        # pickle.load does not know joblib's arrays, and executes their bytes.
        _read_otherwise(open_, findings, arrays=False)
    if findings.goes_on_when_older:
        # joblib before 1.2 executes the last bytes.
        _read_otherwise(open_, findings, padding=False)
    return read


def _read_more(stream: ByteStream, findings: Findings, *, arrays: bool) -> None:
    try:
        while stream.has_more:
            read_pickle(stream, findings, arrays=arrays)
    except (EndedEarlyError, MalformedError):
        findings.incomplete[FOLLOWS] = None


def _read_otherwise(
    open_: Callable[[], ByteStream],
    findings: Findings,
    *,
    arrays: bool = True,
    padding: bool = True,
) -> None:
    """Add the effects of executing the bytes of arrays, even if that fails."""
    other = Findings()
    try:
        with suppress(EndedEarlyError, MalformedError):
            read_pickle(open_(), other, arrays=arrays, padding=padding)
    except UndescribedError as error:
        findings.incomplete[str(error)] = None
    if not other.went_astray:
        return
    if other.calls and not other.in_objects:
        findings.hazards.update(other.hazards)
    if other.computes_names:
        findings.hazards[COMPUTES_NAMES] = None
    for text, uses in other.uses.items():
        # Texts of the file may be read as module names by coincidence.
        real = is_dangerous(text) or text.partition(".")[0] in sys.stdlib_module_names
        if real and judge(text, uses) is Judgement.DANGEROUS:
            findings.named(text).add(uses)
