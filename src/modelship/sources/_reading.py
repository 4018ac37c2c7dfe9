"""One file of a model, read by what its name promises or its content is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from modelship.errors import CorruptModelError
from modelship.sources._archives import ZIP, read_archive
from modelship.sources._content import read_content
from modelship.sources._npy import MAGIC
from modelship.sources._onnx import read_onnx
from modelship.sources._pickled import Pickled, read_all, read_pickled, refuse_impostor, truncated
from modelship.sources._skops import SCHEMA, is_skops, read_skops
from modelship.sources._stream import (
    ByteStream,
    EndedEarlyError,
    MalformedError,
    UndescribedError,
    compression_of,
)
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.sources._budget import Budget

__all__ = ["PICKLE_SUFFIXES", "Described", "is_named_as_pickle", "read_file"]

PICKLE_SUFFIXES: Final = (".pkl", ".pickle", ".joblib")
_PACKED_SUFFIXES: Final = (".z", ".gz", ".bz2", ".xz", ".lzma", ".lz4")
_FIRST_BYTES: Final = 512
_JOBLIB: Final = tuple(
    f"{joblib}.{module}."
    for joblib in ("joblib", "sklearn.externals.joblib")
    for module in ("numpy_pickle", "numpy_pickle_compat")
)


@dataclass(frozen=True)
class Described:
    """What was read of one file; the fields are those of a ``Passport``."""

    format: str
    size_bytes: int
    findings: Findings = field(default_factory=Findings)
    libraries: tuple[tuple[str, str], ...] = ()
    protocol: int | None = None
    compression: str | None = None
    producer: str = ""
    opsets: tuple[tuple[str, int], ...] = ()
    ir_version: int | None = None
    unpacked_bytes: int | None = None


def read_file(path: Path, budget: Budget, *, alone: bool = False) -> Described:
    """Read one file of a model, which is `alone` if it is all of it.

    Raises
    ------
    CorruptModelError
        If it is named as a pickle, a skops file or an ONNX model, and is no whole one.
    """
    with path.open("rb") as file:
        first = file.read(_FIRST_BYTES)
    suffix = path.suffix.lower()
    if first.startswith(ZIP) or suffix == ".skops":
        described = _of_zip(path, first, budget)
        if described is not None:
            return described
    if suffix == ".onnx":
        return _of_onnx(path, first, budget)
    with path.open("rb") as file:

        def open_() -> ByteStream:
            file.seek(0)
            return ByteStream(file, budget=budget, compression=compression_of(first))

        if is_named_as_pickle(path):
            refuse_impostor(path, first)
            return _of_pickle(path, first, read_pickled(path, first, open_), alone=alone)
        content = read_content(open_)
    if content.format == "pickle":
        return _of_pickle(path, first, content.read, alone=alone)
    return _described(path, "unknown", content.read.findings)


def _of_zip(path: Path, first: bytes, budget: Budget) -> Described | None:
    """Describe a zip archive; None for one that is named as a pickle, and for no archive."""
    named = path.suffix.lower() == ".skops"
    try:
        if is_skops(path):
            return _of_skops(path, budget)
        if not named and not is_named_as_pickle(path):
            return _described(path, "unknown", read_archive(path, budget))
    except UndescribedError as error:
        findings = Findings(incomplete={str(error): None})
        return _described(path, "skops" if named else "unknown", findings)
    except MalformedError as error:
        raise CorruptModelError(str(path), f"it is not a whole skops file: {error}") from None
    if named:
        if not first.startswith(ZIP):
            refuse_impostor(path, first)
        raise CorruptModelError(
            str(path),
            "it is not a whole skops file: it is no zip archive with a schema.json",
            "Save it again with skops.io.dump(model, path), or copy it again from its source.",
        )
    return None


def _of_skops(path: Path, budget: Budget) -> Described:
    schema = read_skops(path)
    versions = (("scikit-learn", schema.sklearn_version), ("skops", schema.skops_version))
    libraries = tuple((library, version) for library, version in versions if version)
    findings = read_archive(path, budget, but=SCHEMA)
    findings.add(schema.findings)
    described = _described(path, "skops", findings, libraries)
    return replace(described, unpacked_bytes=schema.unpacked_bytes)


def _of_onnx(path: Path, first: bytes, budget: Budget) -> Described:
    refuse_impostor(path, first)
    try:
        header = read_onnx(path, budget)
    except EndedEarlyError as error:
        raise truncated(path, str(error)) from None
    except MalformedError as error:
        raise CorruptModelError(str(path), f"it is not a whole ONNX model: {error}") from None
    with path.open("rb") as file:

        def open_() -> ByteStream:
            file.seek(0)
            return ByteStream(file, budget=budget, compression=None)

        read = read_all(open_)
    if read.error is None or read.acts(text=False):
        header.findings.add(read.findings)
        header.findings.hazards["it is a pickle as well as an ONNX model"] = None
    return replace(
        _described(path, "onnx", header.findings),
        producer=header.producer,
        ir_version=header.ir_version,
        opsets=header.opsets,
    )


def _of_pickle(path: Path, first: bytes, read: Pickled, *, alone: bool) -> Described:
    findings = read.findings
    compression = compression_of(first)
    by_joblib = compression or any(name.startswith(_JOBLIB) for name in findings.names)
    for name in sorted(findings.files):
        if alone or not _is_array_file(path, name):
            clause = f"it reads {name!a}, which is no file of NumPy's beside it in the model"
            findings.incomplete[clause] = None
    version = findings.sklearn_version
    described = _described(
        path,
        "joblib" if by_joblib or ".joblib" in path.suffixes else "pickle",
        findings,
        (("scikit-learn", version),) if version else (),
    )
    whole = findings.names or not findings.incomplete
    return replace(
        described,
        unpacked_bytes=read.unpacked_bytes,
        protocol=findings.protocol if whole else None,
        compression=compression,
    )


def _described(
    path: Path, format_: str, findings: Findings, libraries: tuple[tuple[str, str], ...] = ()
) -> Described:
    return Described(format_, path.stat().st_size, findings, libraries)


def _is_array_file(path: Path, name: str) -> bool:
    """Return whether a file beside `path` is NumPy's, whose content is read as well."""
    if not name or "/" in name or "\\" in name or name in (".", ".."):
        return False
    file = path.with_name(name)
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(MAGIC)) == MAGIC


def is_named_as_pickle(path: Path) -> bool:
    """Return whether the name of a file promises a pickle."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED_SUFFIXES:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in PICKLE_SUFFIXES
