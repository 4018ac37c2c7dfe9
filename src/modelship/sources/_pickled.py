"""A pickle on disk, read to its end, or the reason why it is none."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.errors import CorruptModelError
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
    from pathlib import Path

__all__ = ["FOLLOWS", "Pickled", "read_all", "read_pickled", "refuse_impostor", "truncated"]

FOLLOWS: Final = "something follows what is loaded"
"""Why a passport is incomplete of a file that goes on after its pickle."""
_ACT_WHEN_IMPORTED: Final = frozenset(("antigravity", "this", "idlelib", "lib2to3", "__main__"))
_SHOWN_BYTES: Final = 16
# What arrives in the place of a model most often, and what to do about each.
_IMPOSTORS: Final = {
    b"version https://git-lfs": ("a Git LFS pointer, not the file itself", "Run: git lfs pull"),
    b"<!doctype html": ("an HTML page, such as a login or an error page", "Look at the address."),
    b"<html": ("an HTML page, such as a login or an error page", "Look at the address."),
    b"<?xml": ("an XML document, such as a storage service's error", "Look at the address."),
    b"{": ("a JSON document", ""),
    b"pk\x03\x04": ("a zip archive", "If torch or skops wrote it, name it so: .pt, .skops"),
}


@dataclass
class Pickled:
    """What was read of the pickles in a file; ``error`` is why it holds none, if so."""

    findings: Findings = field(default_factory=Findings)
    unpacked_bytes: int | None = None
    error: MalformedError | EndedEarlyError | None = None

    def acts(self, *, text: bool) -> bool:
        """Return whether loading does something before it fails, so that it matters what it is.

        Lines of a `text` may look like imports. Of those, only few modules act.
        """
        names = self.findings.uses
        if text and not self.findings.calls:
            return any(name.partition(".")[0] in _ACT_WHEN_IMPORTED for name in names)
        return bool(self.findings.calls) or any(
            judge(name, uses) is Judgement.DANGEROUS for name, uses in names.items()
        )


def read_pickled(path: Path, first: bytes, open_: Callable[[], ByteStream]) -> Pickled:
    """Read the pickles in a file that begins with `first`.

    Raises
    ------
    CorruptModelError
        If it does not begin with a whole pickle.
    """
    read = read_all(open_)
    if isinstance(read.error, EndedEarlyError):
        raise truncated(path, str(read.error)) from None
    if read.error is not None:
        problem = f"it is not a whole pickle: {read.error}; it begins with {first[:_SHOWN_BYTES]!r}"
        raise CorruptModelError(str(path), problem) from None
    return read


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
        # pickle.load knows nothing of joblib's arrays, and carries their bytes out.
        _read_otherwise(open_, findings, arrays=False)
    if findings.goes_on_when_older:
        # joblib before 1.2 carries out the last of them.
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
    """Add what would be done if the bytes of arrays were carried out, however it ends."""
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
        # By chance, texts of the file itself are taken for modules.
        real = is_dangerous(text) or text.partition(".")[0] in sys.stdlib_module_names
        if real and judge(text, uses) is Judgement.DANGEROUS:
            findings.named(text).add(uses)


def truncated(path: Path, what: str) -> CorruptModelError:
    """Return the error of a file that ends in the middle of `what`."""
    size_bytes = path.stat().st_size
    return CorruptModelError(
        str(path),
        f"its {size_bytes} bytes end in the middle of {what}, so it was not copied in full",
    )


def refuse_impostor(path: Path, first: bytes) -> None:
    """Raise CorruptModelError for what is empty, or well known to be no model."""
    if not first:
        raise CorruptModelError(str(path), "it is empty (0 bytes)")
    for beginning, (what, advice) in _IMPOSTORS.items():
        if first.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(beginning):
            raise CorruptModelError(str(path), f"it is {what}", advice or CorruptModelError.advice)
