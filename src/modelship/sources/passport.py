"""What can be read of a model without loading it."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.errors import CorruptModelError
from modelship.sources._globals import is_dangerous, is_known, top_module
from modelship.sources._onnx import read_onnx
from modelship.sources._pickled import dangers_in, read_pickled, refuse_impostor, truncated
from modelship.sources._skops import is_skops, read_skops
from modelship.sources._stream import (
    EndedEarlyError,
    MalformedError,
    UndescribedError,
    compression_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from pathlib import Path

__all__ = ["PICKLE_SUFFIXES", "Passport", "read_passport"]

PICKLE_SUFFIXES: Final = (".pkl", ".pickle", ".joblib")
_PACKED_SUFFIXES: Final = (".z", ".gz", ".bz2", ".xz", ".lzma", ".lz4")
_FIRST_BYTES: Final = 512
_JOBLIB: Final = tuple(
    f"{joblib}.{module}."
    for joblib in ("joblib", "sklearn.externals.joblib")
    for module in ("numpy_pickle", "numpy_pickle_compat")
)
_MAIN: Final = "__main__."
# Python 2's, or of the program that saved the model.
_NO_PACKAGES: Final = frozenset({"__main__", "__builtin__", "copy_reg", "exceptions"})


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
    ir_version : int or None
        The version of ONNX's own format that the model is written in.
    hazards : tuple[str, ...]
        What loading does that no honest pickler writes and that no name shows, each a clause
        such as ``"it calls a value that it computes itself"``.
    incomplete_because : tuple[str, ...]
        Why the file was not read to its end, each a clause such as ``"lz4 compression is not
        read here"``; empty if it was.
    unpacked_bytes : int or None
        Size without compression, where it was read to its end.
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
    ir_version: int | None = None
    hazards: tuple[str, ...] = ()
    incomplete_because: tuple[str, ...] = ()
    unpacked_bytes: int | None = None

    @property
    def complete(self) -> bool:
        """Whether all of it was read. If not, more may be named in it."""
        return not self.incomplete_because

    @property
    def safe_to_load(self) -> bool:
        """Whether loading runs nothing but what the named libraries do to rebuild a model.

        It is, if all of it was read, nothing in it is dangerous, and it has no hazards.
        """
        return self.complete and not self.dangerous and not self.hazards

    @property
    def written_by(self) -> str:
        """The library that wrote the model, such as ``"scikit-learn 0.22.1"``, or ``""``."""
        return " ".join(self.libraries[0]) if self.libraries else self.producer

    @property
    def modules(self) -> tuple[str, ...]:
        """The top-level modules and packages of `globals`, sorted."""
        return tuple(sorted({top_module(name) for name in self.globals}))

    @property
    def dangerous(self) -> tuple[str, ...]:
        """Those of `globals` that run code when the model is loaded, or lead to what does."""
        return tuple(name for name in self.globals if is_dangerous(name))

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why it is not safe to load, as clauses; empty if it is :attr:`safe_to_load`."""
        names = tuple(f"loading it would call {name}" for name in self.dangerous)
        return (*names, *self.hazards, *self.incomplete_because)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Those of `globals` that are of no library that models are commonly made of."""
        return tuple(
            name
            for name in self.globals
            if not (is_known(name) or is_dangerous(name) or name.startswith(_MAIN))
        )

    @property
    def from_main(self) -> tuple[str, ...]:
        """Those of `globals` that were defined in the program that saved the model."""
        return tuple(name for name in self.globals if name.startswith(_MAIN))


def read_passport(path: Path) -> Passport:
    """Return the passport of the file or folder at `path`.

    Of a folder, it is what all models in it name together.

    Raises
    ------
    CorruptModelError
        If a file that is named as a pickle, a skops file or an ONNX model is truncated, damaged,
        or something else.
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
        ir_version=max((part.ir_version or 0 for part in parts), default=0) or None,
        opsets=tuple(sorted({opset for part in parts for opset in part.opsets})),
        hazards=_joined(part.hazards for part in parts),
        incomplete_because=_joined(part.incomplete_because for part in parts),
        unpacked_bytes=sum(part.unpacked_bytes or part.size_bytes for part in parts),
    )


def _of_file(path: Path) -> Passport:
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_FIRST_BYTES)
    if first.startswith(b"PK\x03\x04") or path.suffix.lower() == ".skops":
        described = _of_zip(path, first)
        if described is not None:
            return described
    if path.suffix.lower() == ".onnx":
        return _of_onnx(path, first)
    if _is_named_as_pickle(path):
        refuse_impostor(path, first)
        return _of_pickle(path, first)
    if size_bytes and (first[0] == 0x80 or compression_of(first)):  # noqa: PLR2004 - PROTO
        with suppress(CorruptModelError):  # the name does not promise a pickle
            return _of_pickle(path, first, alone=True)
        if names := dangers_in(path, compression_of(first)):
            return Passport(
                "unknown",
                size_bytes,
                globals=tuple(sorted(names)),
                incomplete_because=("it is not known what it is",),
            )
    return Passport(format="unknown", size_bytes=size_bytes)


def _of_zip(path: Path, first: bytes) -> Passport | None:
    """Describe a skops file; None for another zip archive, unless it is named as a skops file."""
    named = path.suffix.lower() == ".skops"
    try:
        if is_skops(path):
            return _of_skops(path)
    except UndescribedError as error:
        format_ = "skops" if named else "unknown"
        size_bytes = path.stat().st_size
        return Passport(format_, size_bytes, incomplete_because=(str(error),))
    except MalformedError as error:
        raise CorruptModelError(str(path), f"it is not a whole skops file: {error}") from None
    if named:
        if not first.startswith(b"PK\x03\x04"):
            refuse_impostor(path, first)
        raise CorruptModelError(
            str(path),
            "it is not a whole skops file: it is no zip archive with a schema.json",
            "Save it again with skops.io.dump(model, path), or copy it again from its source.",
        )
    return None


def _of_skops(path: Path) -> Passport:
    schema = read_skops(path)
    versions = (("scikit-learn", schema.sklearn_version), ("skops", schema.skops_version))
    libraries = tuple((library, version) for library, version in versions if version)
    return Passport(
        format="skops",
        size_bytes=path.stat().st_size,
        unpacked_bytes=schema.unpacked_bytes,
        globals=tuple(sorted(schema.globals)),
        libraries=libraries,
        packages=_packages(schema.globals, set(libraries)),
    )


def _of_onnx(path: Path, first: bytes) -> Passport:
    refuse_impostor(path, first)
    try:
        header = read_onnx(path)
    except EndedEarlyError as error:
        raise truncated(path, str(error)) from None
    except MalformedError as error:
        raise CorruptModelError(str(path), f"it is not a whole ONNX model: {error}") from None
    return Passport(
        format="onnx",
        size_bytes=path.stat().st_size,
        producer=header.producer,
        ir_version=header.ir_version,
        opsets=header.opsets,
    )


def _of_pickle(path: Path, first: bytes, *, alone: bool = False) -> Passport:
    read = read_pickled(path, first, alone=alone)
    libraries = (("scikit-learn", read.sklearn_version),) if read.sklearn_version else ()
    by_joblib = read.compression or any(name.startswith(_JOBLIB) for name in read.globals)
    return Passport(
        format="joblib" if by_joblib or ".joblib" in path.suffixes else "pickle",
        size_bytes=path.stat().st_size,
        unpacked_bytes=read.unpacked_bytes,
        protocol=read.protocol,
        compression=read.compression,
        globals=tuple(sorted(read.globals)),
        libraries=libraries,
        packages=_packages(read.globals, set(libraries)),
        incomplete_because=(read.incomplete_because,) if read.incomplete_because else (),
    )


def _joined(clauses: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return every clause once, in the order in which they came."""
    return tuple(dict.fromkeys(clause for part in clauses for clause in part))


def _packages(names: AbstractSet[str], libraries: set[tuple[str, str]]) -> tuple[str, ...]:
    versioned = {"sklearn"} if "scikit-learn" in dict(libraries) else set()
    tops = {top_module(name) for name in names}
    return tuple(sorted(tops - versioned - sys.stdlib_module_names - _NO_PACKAGES))


def _is_named_as_pickle(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED_SUFFIXES:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in PICKLE_SUFFIXES
