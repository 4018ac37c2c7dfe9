"""Describe a model without loading it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from modelship.sources._budget import Budget
from modelship.sources._content import UNKNOWN
from modelship.sources._globals import Judgement, Use, is_dangerous, judge, top_module
from modelship.sources._parts import Part
from modelship.sources.formats import FOLDER, FORMATS, MLFLOW
from modelship.sources.mlmodel import read_mlmodel
from modelship.sources.model_files import walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelship.sources._parts import Described

__all__ = ["Passport", "read_passport"]

_MAIN: Final = "__main__."
# Python 2's, or of the program that saved the model.
_NO_PACKAGES: Final = frozenset({"__main__", "__builtin__", "copy_reg", "exceptions"})
_MAX_SHOWN: Final = 20


@dataclass(frozen=True)
class Passport:
    """The facts in the files of a model, read without importing or running any of it.

    Attributes
    ----------
    format : str
        The name of the format in :data:`~modelship.sources.formats.FORMATS`: ``"joblib"``,
        ``"pickle"``, ``"skops"``, ``"onnx"``, ``"lightgbm"``, ``"xgboost"``, ``"mlflow"``,
        ``"folder"`` or ``"unknown"``.
    size_bytes : int
        The size on disk.
    protocol : int or None
        The pickle protocol; 0 also stands for 1, as files do not declare either.
    compression : str or None
        ``"zlib"``, ``"gzip"``, ``"bz2"``, ``"lzma"``, ``"xz"``, ``"lz4"``, or ``"zfile"``
        (joblib before 0.10).
    globals : tuple[str, ...]
        All ``"module.qualname"`` that loading would import, sorted.
    imports : tuple[str, ...]
        The modules that loading would import as a whole, for functions written by cloudpickle.
    libraries : tuple[tuple[str, str], ...]
        PyPI name and version of each library that recorded its version in the file.
    packages : tuple[str, ...]
        Import names of the other third-party packages in `globals`, sorted.
    producer : str
        The producer in an ONNX model, such as ``"skl2onnx 1.17"``.
    opsets : tuple[tuple[str, int], ...]
        Domain and version of each operator set that an ONNX model uses.
    ir_version : int or None
        The version of the ONNX format of the model.
    hazards : tuple[str, ...]
        Effects of loading that no legitimate pickler writes and that no name shows, each a clause
        such as ``"it calls a value that it computes itself"``.
    incomplete_because : tuple[str, ...]
        Why the file was not read to its end, each a clause such as ``"lz4 compression is not read
        here"``; empty if it was.
    unpacked_bytes : int or None
        The uncompressed size, if the file was read to its end.
    uses : tuple[tuple[str, Use], ...]
        How loading uses each of `globals`.
    """

    format: str
    size_bytes: int
    protocol: int | None = None
    compression: str | None = None
    globals: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    producer: str = ""
    opsets: tuple[tuple[str, int], ...] = ()
    ir_version: int | None = None
    hazards: tuple[str, ...] = ()
    incomplete_because: tuple[str, ...] = ()
    unpacked_bytes: int | None = None
    uses: tuple[tuple[str, Use], ...] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """Whether all content was read. If not, it may contain more names."""
        return not self.incomplete_because

    @property
    def safe_to_load(self) -> bool:
        """Whether loading only runs the code of the named libraries that rebuilds a model.

        This is the case if all content was read, nothing in it is dangerous, and there are no
        hazards.
        """
        return self.complete and not self.dangerous and not self.hazards

    @property
    def written_by(self) -> str:
        """The library that wrote the model, such as ``"scikit-learn 0.22.1"``, or ``""``."""
        return " ".join(self.libraries[0]) if self.libraries else self.producer

    @property
    def modules(self) -> tuple[str, ...]:
        """The top-level modules and packages of `globals` and `imports`, sorted."""
        return tuple(sorted({top_module(name) for name in (*self.globals, *self.imports)}))

    @property
    def dangerous(self) -> tuple[str, ...]:
        """The names in `globals` and `imports` that run code when the model is loaded.

        This depends on how loading uses a name: a function that is only stored is not called.
        """
        modules = (name for name in self.imports if is_dangerous(f"{name}.__name__"))
        return tuple(sorted((*self._judged(Judgement.DANGEROUS), *modules)))

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why the model is not safe to load, as clauses; empty if it is :attr:`safe_to_load`."""
        names = tuple(f"loading it would {self.verb_of(name)} {name}" for name in self.dangerous)
        return (*names, *self.hazards, *self.incomplete_because)

    def verb_of(self, name: str) -> str:
        """Return ``"call"`` if loading calls one of :attr:`dangerous`, else ``"import"``."""
        return "call" if Use.CALL in dict(self.uses).get(name, Use.HOLD) else "import"

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names in `globals` that belong to no library commonly used for models."""
        names = self._judged(Judgement.UNKNOWN)
        return tuple(name for name in names if not name.startswith(_MAIN))

    def _judged(self, judgement: Judgement) -> tuple[str, ...]:
        return tuple(name for name, use in self.uses if use and judge(name, use) is judgement)

    def _repr_html_(self) -> str:
        from modelship.sources._pictured import passport_html

        return passport_html(self)

    @property
    def from_main(self) -> tuple[str, ...]:
        """The names in `globals` that were defined in the program that saved the model."""
        return tuple(name for name in self.globals if name.startswith(_MAIN))


def read_passport(path: Path) -> Passport:
    """Return the passport of the file or folder at `path`.

    For a folder, the passport combines all files in it.

    Raises
    ------
    CorruptModelError
        If a file with the suffix of a pickle, a skops file or an ONNX model is truncated, damaged,
        or something else, or if folders are nested too deeply.
    """
    if not path.is_dir():
        return _passport(FORMATS.read(Part(path, Budget(path.stat().st_size), alone=True)))
    files = sorted(walk(path))
    budget = Budget(sum(file.stat().st_size for file in files))
    read = {file: FORMATS.read(Part(file, budget)) for file in files}
    _excuse_raw_files(read)
    parts = {file.relative_to(path).as_posix(): _passport(read[file]) for file in files}
    joined = _joined(list(parts.values()), _reasons(parts))
    mlmodel = read_mlmodel(path)
    if mlmodel is None:
        return joined
    told = [each for each in mlmodel.libraries if each[0] not in dict(joined.libraries)]
    return replace(joined, format=MLFLOW.name, libraries=(*joined.libraries, *told))


def _excuse_raw_files(read: Mapping[Path, Described]) -> None:
    """Accept files that others read as plain bytes, such as the tensors of ONNX models."""
    for file, part in read.items():
        for name in part.raw_files:
            raw = read.get(file.parent / name)
            if raw is not None:
                raw.findings.incomplete.pop(UNKNOWN, None)


def _joined(parts: Sequence[Passport], incomplete_because: tuple[str, ...]) -> Passport:
    uses: dict[str, Use] = {}
    for part in parts:
        for name, use in part.uses:
            uses[name] = uses.get(name, Use(0)) | use
    libraries = {library for part in parts for library in part.libraries}
    return Passport(
        format=FOLDER.name,
        size_bytes=sum(part.size_bytes for part in parts),
        globals=tuple(sorted(uses)),
        uses=tuple(sorted(uses.items(), key=itemgetter(0))),
        imports=tuple(sorted({name for part in parts for name in part.imports})),
        libraries=tuple(sorted(libraries)),
        packages=tuple(sorted({name for part in parts for name in part.packages})),
        producer=next((part.producer for part in parts if part.producer), ""),
        ir_version=max((part.ir_version or 0 for part in parts), default=0) or None,
        opsets=tuple(sorted({opset for part in parts for opset in part.opsets})),
        hazards=tuple(dict.fromkeys(clause for part in parts for clause in part.hazards)),
        incomplete_because=incomplete_because,
        unpacked_bytes=sum(part.unpacked_bytes or part.size_bytes for part in parts),
    )


def _reasons(parts: Mapping[str, Passport]) -> tuple[str, ...]:
    reasons = [
        f"of {name!a}, {reason}" for name in parts for reason in parts[name].incomplete_because
    ]
    return tuple(reasons[:_MAX_SHOWN])


def _passport(read: Described) -> Passport:
    uses = read.findings.uses
    tops = {top_module(name) for name in {*uses, *read.findings.modules}}
    versioned = {"sklearn"} if "scikit-learn" in dict(read.libraries) else set()
    return Passport(
        format=read.format,
        size_bytes=read.size_bytes,
        protocol=read.protocol,
        compression=read.compression,
        globals=tuple(sorted(uses)),
        imports=tuple(sorted(read.findings.modules)),
        libraries=read.libraries,
        packages=tuple(sorted(tops - versioned - sys.stdlib_module_names - _NO_PACKAGES)),
        producer=read.producer,
        opsets=read.opsets,
        ir_version=read.ir_version,
        hazards=tuple(read.findings.hazards)[:_MAX_SHOWN],
        incomplete_because=tuple(read.findings.incomplete),
        unpacked_bytes=read.unpacked_bytes,
        uses=tuple(sorted(uses.items(), key=itemgetter(0))),
    )
