"""What can be read of a model without loading it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.errors import CorruptModelError
from modelship.sources._globals import is_dangerous, is_known
from modelship.sources._inert import Findings, read_pickle
from modelship.sources._onnx import read_onnx
from modelship.sources._skops import is_skops, read_skops
from modelship.sources._stream import (
    ByteStream,
    EndedEarlyError,
    MalformedError,
    UndescribedError,
    compression_of,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PICKLE_SUFFIXES", "Passport", "read_passport"]

PICKLE_SUFFIXES: Final = (".pkl", ".pickle", ".joblib")
_PACKED_SUFFIXES: Final = (".z", ".gz", ".bz2", ".xz", ".lzma", ".lz4")
_FIRST_BYTES: Final = 512
_SHOWN_BYTES: Final = 16
_JOBLIB: Final = ("joblib.numpy_pickle.", "joblib.numpy_pickle_compat.")
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
class Passport:
    """What a model's files tell about it, read without importing or running anything of it.

    Attributes
    ----------
    format : str
        ``"joblib"``, ``"pickle"``, ``"skops"``, ``"onnx"``, ``"folder"`` or ``"unknown"``.
    size_bytes : int
        Size on disk.
    protocol : int or None
        The pickle protocol; 0 also stands for 1, as neither is declared in a file.
    compression : str or None
        ``"zlib"``, ``"gzip"``, ``"bz2"``, ``"lzma"``, ``"xz"``, ``"lz4"``, or ``"zfile"``
        (joblib before 0.10).
    globals : tuple[str, ...]
        Every ``"module.qualname"`` that loading would import, sorted.
    libraries : tuple[tuple[str, str], ...]
        Name on PyPI and version of each library that left its version in the file.
    packages : tuple[str, ...]
        Import names of the other third-party packages named in `globals`, sorted.
    producer : str
        What an ONNX model says wrote it, such as ``"skl2onnx 1.17"``.
    opsets : tuple[tuple[str, int], ...]
        Domain and version of each set of operators that an ONNX model uses.
    complete : bool
        False if the file was not read to its end, because its compression is not known
        here or it has an extraordinary number of parts. Then more may be named in it.
    """

    format: str
    size_bytes: int
    protocol: int | None = None
    compression: str | None = None
    globals: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    producer: str = ""
    opsets: tuple[tuple[str, int], ...] = ()
    complete: bool = True

    @property
    def written_by(self) -> str:
        """The library that wrote the model, such as ``"scikit-learn 0.22.1"``, or ``""``."""
        return " ".join(self.libraries[0]) if self.libraries else self.producer

    @property
    def dangerous(self) -> tuple[str, ...]:
        """Those of `globals` that run code when the model is loaded, or lead to what does."""
        return tuple(name for name in self.globals if is_dangerous(name))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Those of `globals` that are of no library that models are commonly made of."""
        return tuple(
            name
            for name in self.globals
            if not is_known(name) and not is_dangerous(name) and name not in self.from_main
        )

    @property
    def from_main(self) -> tuple[str, ...]:
        """Those of `globals` that were defined in the program that saved the model."""
        return tuple(name for name in self.globals if name.startswith("__main__."))


def read_passport(path: Path) -> Passport:
    """Return the passport of the file or folder at `path`.

    Of a folder, it is what all pickles in it name together.

    Raises
    ------
    CorruptModelError
        If a file that is named as a pickle is truncated, damaged, or something else.
    """
    if not path.is_dir():
        return _of_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    parts = [_of_file(file) for file in files]
    names = {name for part in parts for name in part.globals}
    libraries = {library for part in parts for library in part.libraries}
    return Passport(
        format="folder",
        size_bytes=sum(part.size_bytes for part in parts),
        globals=tuple(sorted(names)),
        libraries=tuple(sorted(libraries)),
        packages=_packages(names, libraries),
        producer=next((part.producer for part in parts if part.producer), ""),
        opsets=tuple(sorted({opset for part in parts for opset in part.opsets})),
        complete=all(part.complete for part in parts),
    )


def _of_file(path: Path) -> Passport:
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_FIRST_BYTES)
    if first.startswith(b"PK\x03\x04") and is_skops(path):
        return _of_skops(path, size_bytes=size_bytes)
    if path.suffix.lower() == ".onnx":
        return _of_onnx(path, first)
    if _is_named_as_pickle(path):
        _refuse_impostor(path, first)
        return _of_pickle(path, first)
    if size_bytes and (first[0] == 0x80 or compression_of(first)):  # noqa: PLR2004 - PROTO
        try:
            return _of_pickle(path, first, alone=True)
        except CorruptModelError:
            pass  # the name does not promise a pickle
    return Passport(format="unknown", size_bytes=size_bytes)


def _of_skops(path: Path, *, size_bytes: int) -> Passport:
    try:
        schema = read_skops(path)
    except UndescribedError:
        return Passport(format="skops", size_bytes=size_bytes, complete=False)
    except MalformedError as error:
        raise CorruptModelError(str(path), f"it is not a whole skops file: {error}") from None
    version = schema.sklearn_version
    libraries = (("scikit-learn", version),) if version else ()
    return Passport(
        format="skops",
        size_bytes=size_bytes,
        globals=tuple(sorted(schema.globals)),
        libraries=libraries,
        packages=_packages(schema.globals, set(libraries)),
    )


def _of_onnx(path: Path, first: bytes) -> Passport:
    _refuse_impostor(path, first)
    try:
        header = read_onnx(path)
    except EndedEarlyError as error:
        raise _truncated(path, str(error)) from None
    except MalformedError as error:
        raise CorruptModelError(str(path), f"it is not a whole ONNX model: {error}") from None
    return Passport(
        format="onnx",
        size_bytes=path.stat().st_size,
        producer=header.producer,
        opsets=header.opsets,
    )


def _of_pickle(path: Path, first: bytes, *, alone: bool = False) -> Passport:
    """Read a pickle; if `alone`, whatever follows it in the file makes it none."""
    compression = compression_of(first)
    findings = Findings()
    complete = True
    try:
        with path.open("rb") as file:
            stream = ByteStream(file, compression=compression)
            read_pickle(stream, findings)
            stream.finish(alone=alone)
    except UndescribedError:
        if alone:
            raise CorruptModelError(str(path), "it is not known to be a pickle") from None
        complete = False
    except EndedEarlyError as error:
        raise _truncated(path, str(error)) from None
    except MalformedError as error:
        problem = f"it is not a whole pickle: {error}; it begins with {first[:_SHOWN_BYTES]!r}"
        raise CorruptModelError(str(path), problem) from None
    return _from_findings(findings, path=path, compression=compression, complete=complete)


def _from_findings(
    findings: Findings, *, path: Path, compression: str | None, complete: bool
) -> Passport:
    names = findings.globals
    version = findings.sklearn_version
    libraries = (("scikit-learn", version),) if version else ()
    by_joblib = compression or any(name.startswith(_JOBLIB) for name in names)
    return Passport(
        format="joblib" if by_joblib or ".joblib" in path.suffixes else "pickle",
        size_bytes=path.stat().st_size,
        protocol=findings.protocol if complete or names else None,
        compression=compression,
        globals=tuple(sorted(names)),
        libraries=libraries,
        packages=_packages(names, set(libraries)),
        complete=complete,
    )


def _packages(names: set[str], libraries: set[tuple[str, str]]) -> tuple[str, ...]:
    versioned = {"sklearn"} if "scikit-learn" in dict(libraries) else set()
    tops = {name.partition(".")[0] for name in names}
    return tuple(sorted(tops - versioned - sys.stdlib_module_names - {"__main__"}))


def _truncated(path: Path, what: str) -> CorruptModelError:
    size_bytes = path.stat().st_size
    return CorruptModelError(
        str(path),
        f"its {size_bytes} bytes end in the middle of {what}, so it was not copied in full",
    )


def _refuse_impostor(path: Path, first: bytes) -> None:
    if not first:
        raise CorruptModelError(str(path), "it is empty (0 bytes)")
    for beginning, (what, advice) in _IMPOSTORS.items():
        if first.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(beginning):
            raise CorruptModelError(str(path), f"it is {what}", advice or CorruptModelError.advice)


def _is_named_as_pickle(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED_SUFFIXES:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in PICKLE_SUFFIXES
