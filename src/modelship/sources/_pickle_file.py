"""Read the files that ``joblib.load`` unpickles: joblib files, and pickles of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelship.errors import MissingExtraError
from modelship.sources._npy import MAGIC
from modelship.sources._pickled import Pickled, read_all
from modelship.sources._stream import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.sources._parts import Described, Part

__all__ = ["describe_pickle", "load_pickle", "read_pickle_file"]

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


def describe_pickle(part: Part, read: Pickled) -> Described:
    """Return the result of a pickle; a packed one, or one with joblib's arrays, is joblib's."""
    findings = read.findings
    by_joblib = part.compression or any(name.startswith(_JOBLIB) for name in findings.names)
    for name in sorted(findings.files):
        if part.alone or not _is_array_file(part.path, name):
            clause = f"it reads {name!a}, which is not a NumPy file next to it in the model"
            findings.incomplete[clause] = None
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
