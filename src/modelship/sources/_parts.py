"""Define one file of a model, and the result of reading it."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._stream import ByteStream, EndedEarlyError, compression_of
from modelship.sources._values import Findings
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelship.sources._budget import Budget

__all__ = ["Described", "Part"]

_FIRST_BYTES: Final = 512


@dataclass(frozen=True)
class Described:
    """The result of reading one file.

    ``raw_files`` are the names of other files that its loader reads as plain bytes, and ``schema``
    is the schema in the file. ``unusable`` describes inputs or outputs that no generated script can
    serve, such as ``"takes several tensors"``. The other fields are those of a ``Passport``.
    """

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
    raw_files: tuple[str, ...] = ()
    schema: Schema = field(default_factory=Schema)
    unusable: str = ""


@dataclass(frozen=True)
class Part:
    """A file to read, the budget for it, and whether it is the whole model."""

    path: Path
    budget: Budget
    alone: bool = False

    @cached_property
    def first(self) -> bytes:
        """The first 512 bytes of the file."""
        with self.path.open("rb") as file:
            return file.read(_FIRST_BYTES)

    @property
    def compression(self) -> str | None:
        """The compression of the file, as joblib detects it."""
        return compression_of(self.first)

    @contextmanager
    def opened(self, *, packed: bool = True) -> Iterator[Callable[[], ByteStream]]:
        """Yield a function that returns the content from its start, unpacked if `packed`."""
        with self.path.open("rb") as file:

            def open_() -> ByteStream:
                file.seek(0)
                compression = self.compression if packed else None
                return ByteStream(file, budget=self.budget, compression=compression)

            yield open_

    @contextmanager
    def mapped(self) -> Iterator[mmap.mmap]:
        """Yield the content of the file, mapped into memory."""
        if not self.first:
            raise EndedEarlyError("its first value")
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            yield content

    def described(self, format_: str, findings: Findings, **facts: Any) -> Described:
        """Return the findings with further fields as a :class:`Described`."""
        return Described(format_, self.path.stat().st_size, findings, **facts)
