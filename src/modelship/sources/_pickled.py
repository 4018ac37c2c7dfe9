"""A pickle on disk, read to its end, or the reason why it is none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.errors import CorruptModelError
from modelship.sources._globals import is_dangerous
from modelship.sources._inert import Findings, read_pickle
from modelship.sources._stream import (
    ByteStream,
    EndedEarlyError,
    MalformedError,
    UndescribedError,
    compression_of,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Pickled", "dangers_in", "read_pickled", "refuse_impostor", "truncated"]

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


@dataclass(frozen=True)
class Pickled:
    """What was read of a pickle; the fields are those of a ``Passport``."""

    globals: frozenset[str]
    sklearn_version: str
    protocol: int | None
    compression: str | None
    incomplete_because: str
    unpacked_bytes: int | None


def read_pickled(path: Path, first: bytes, *, alone: bool) -> Pickled:
    """Read a pickle that begins with `first`; if `alone`, what follows it makes it none.

    Raises
    ------
    CorruptModelError
        If it is not a whole pickle.
    """
    compression = compression_of(first)
    findings = Findings()
    incomplete_because, unpacked_bytes = "", None
    try:
        with path.open("rb") as file:
            stream = ByteStream(file, compression=compression)
            read_pickle(stream, findings)
            incomplete_because = "something follows what is loaded" if stream.has_more else ""
            unpacked_bytes = stream.finish()
    except UndescribedError as error:
        incomplete_because = str(error)
    except EndedEarlyError as error:
        raise truncated(path, str(error)) from None
    except MalformedError as error:
        problem = f"it is not a whole pickle: {error}; it begins with {first[:_SHOWN_BYTES]!r}"
        raise CorruptModelError(str(path), problem) from None
    if alone and incomplete_because:
        raise CorruptModelError(str(path), "it is not known to be a pickle")
    names = findings.globals
    if findings.arrays:
        # pickle.load knows nothing of joblib's arrays, and carries their bytes out.
        names |= dangers_in(path, compression)
    return Pickled(
        globals=frozenset(names),
        sklearn_version=findings.sklearn_version,
        protocol=findings.protocol if names or not incomplete_because else None,
        compression=compression,
        incomplete_because=incomplete_because,
        unpacked_bytes=unpacked_bytes,
    )


def dangers_in(path: Path, compression: str | None) -> set[str]:
    """Return the dangerous names that ``pickle.load`` would come upon, however it ends."""
    findings = Findings()
    with suppress(UndescribedError, EndedEarlyError, MalformedError), path.open("rb") as file:
        read_pickle(ByteStream(file, compression=compression), findings, arrays=False)
    return {name for name in findings.globals if is_dangerous(name)}


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
