"""Read a whole pickle on disk, or explain why it is not one; load what joblib.load unpickles."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.errors import MissingExtraError
from modelship.sources._calls import COMPUTES_NAMES
from modelship.sources._globals import Judgement, is_dangerous, judge
from modelship.sources._inert import read_pickle
from modelship.sources._npy import MAGIC
from modelship.sources._stream import ByteStream, EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelship.sources._parts import Described, Part

__all__ = [
    "FOLLOWS",
    "Content",
    "describe_pickle",
    "load_pickle",
    "note_pickles",
    "read_all",
    "read_pickle_file",
]

FOLLOWS: Final = "there is extra data after the pickle"
"""Why the passport of a file with data after its pickle is incomplete."""
_ACT_WHEN_IMPORTED: Final = frozenset(("antigravity", "this", "idlelib", "lib2to3", "__main__"))


@dataclass
class Content:
    """The result of reading a file, and whether a loader would unpickle it.

    ``error`` is set if it was read as a pickle and contains none.
    """

    findings: Findings = field(default_factory=Findings)
    unpacked_bytes: int | None = None
    error: MalformedError | EndedEarlyError | None = None
    is_pickle: bool = False

    def unread(self, reason: str) -> Content:
        """Record why the file was not read to its end."""
        self.findings.leave(reason)
        return self

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


def read_all(open_: Callable[[], ByteStream], *, arrays: bool = True) -> Content:
    """Read one pickle after the other, as joblib would, and as other loaders would."""
    read = Content()
    findings = read.findings
    try:
        stream = open_()
        read_pickle(stream, findings, arrays=arrays)
        protocol = findings.protocol
        _read_more(stream, findings, arrays=arrays)
        findings.protocol = protocol
        read.unpacked_bytes = stream.finish()
    except UndescribedError as error:
        findings.leave(str(error))
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
        findings.leave(FOLLOWS)


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
        findings.leave(str(error))
    if not other.went_astray:
        return
    if other.calls and not other.in_objects:
        findings.hazards.update(other.hazards)
    if other.computes_names:
        findings.hazard(COMPUTES_NAMES)
    for text, uses in other.uses.items():
        # Texts of the file may be read as module names by coincidence.
        real = is_dangerous(text) or text.partition(".")[0] in sys.stdlib_module_names
        if real and judge(text, uses) is Judgement.DANGEROUS:
            findings.named(text).add(uses)


def note_pickles(part: Part, findings: Findings, *, what: str) -> None:
    """Record the effects of unpickling a file, as another loader than that of `what` might do."""
    with part.opened(packed=False) as open_:
        read = read_all(open_)
    if read.error is None or read.acts(text=False):
        findings.add(read.findings)
        findings.hazard(f"it is a pickle as well as {what}")


_SHOWN_BYTES: Final = 16
_JOBLIB: Final = tuple(
    f"{joblib}.{module}."
    for joblib in ("joblib", "sklearn.externals.joblib")
    for module in ("numpy_pickle", "numpy_pickle_compat")
)


def load_pickle(path: Path) -> Any:
    """Unpickle a file.

    Raises
    ------
    MissingExtraError
        If joblib is not installed.
    """
    try:
        import joblib
    except ImportError:
        raise MissingExtraError(purpose="Loading a model", extra="sklearn") from None
    return joblib.load(path)


def read_pickle_file(part: Part) -> Described:
    """Read the pickles in a file.

    Raises
    ------
    EndedEarlyError
        If the first one is truncated.
    MalformedError
        If the file does not start with a complete pickle.
    """
    with part.opened() as open_:
        read = read_all(open_)
    if isinstance(read.error, MalformedError):
        begin = part.first[:_SHOWN_BYTES]
        raise MalformedError(f"{read.error}; it begins with {begin!r}")
    if read.error is not None:
        raise read.error
    return describe_pickle(part, read)


def describe_pickle(part: Part, read: Content) -> Described:
    """Return the result of a pickle; a packed one, or one with joblib's arrays, is joblib's."""
    findings = read.findings
    by_joblib = part.compression or any(name.startswith(_JOBLIB) for name in findings.names)
    for name in sorted(findings.files):
        if part.alone or not _is_array_file(part.path, name):
            findings.leave(f"it reads {name!a}, which is not a NumPy file next to it in the model")
    version = findings.sklearn_version
    whole = findings.names or not findings.incomplete
    return part.described(
        "joblib" if by_joblib or ".joblib" in part.path.suffixes else "pickle",
        findings,
        libraries=(("scikit-learn", version),) if version else (),
        unpacked_bytes=read.unpacked_bytes,
        protocol=findings.protocol if whole else None,
        compression=part.compression,
    )


def _is_array_file(path: Path, name: str) -> bool:
    """Return whether a file next to `path` is a NumPy file, whose content is also read."""
    if not name or "/" in name or "\\" in name or name in (".", ".."):
        return False
    file = path.with_name(name)
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(MAGIC)) == MAGIC
