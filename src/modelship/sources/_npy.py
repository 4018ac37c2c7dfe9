"""Read NumPy files: determine what ``numpy.load`` would unpickle.

The format is that of ``numpy.lib.format``: a magic string, a version, and a header, which is a
Python literal; then raw values, or a pickle for an array of objects.
"""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING, Final

from modelship.sources._inert import read_pickle
from modelship.sources._stream import MalformedError, UndescribedError
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.sources._stream import ByteStream

__all__ = ["MAGIC", "read_npy"]

MAGIC: Final = b"\x93NUMPY"
_MAX_HEADER_BYTES: Final = 10_000  # NumPy's own limit for untrusted files
_PLAIN: Final = re.compile(r"[<>|=]?([biufcSUVmM])([0-9]{1,9})(?:\[[0-9A-Za-z/]*\])?")
_UCS4_BYTES: Final = 4


def read_npy(open_: Callable[[], ByteStream]) -> Findings:
    """Read the arrays in a file, one after the other."""
    findings = Findings()
    with findings.reading("it is not a complete NumPy file: {}"):
        stream = open_()
        while stream.has_more:
            _read_one(stream, findings)
    return findings


def _read_one(stream: ByteStream, findings: Findings) -> None:
    if stream.read(len(MAGIC)) != MAGIC:
        raise MalformedError("there is extra data after its array")
    major, _ = stream.read(2)
    header_bytes = stream.unsigned(2 if major == 1 else 4)
    if header_bytes > _MAX_HEADER_BYTES or major not in (1, 2, 3):
        raise UndescribedError("it has a header that is longer than NumPy's limit")
    try:
        header = ast.literal_eval(stream.read(header_bytes).decode("utf-8").strip())
        item_bytes, shape = _item_bytes(header["descr"]), header["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        raise UndescribedError("it has a header that NumPy does not write") from None
    if item_bytes is None:
        read_pickle(stream, findings, arrays=False)
        return
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise UndescribedError("it has a header that NumPy does not write")
    stream.skip(math.prod(shape) * item_bytes)


def _item_bytes(descr: object) -> int | None:
    """Return the size of one element; None if it contains objects or is unknown."""
    if isinstance(descr, str):
        match = _PLAIN.fullmatch(descr)
        return int(match[2]) * (_UCS4_BYTES if match[1] == "U" else 1) if match else None
    if not isinstance(descr, list):
        return None
    sizes = [_field_bytes(field) for field in descr]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _field_bytes(field: object) -> int | None:
    if not isinstance(field, tuple) or len(field) not in (2, 3):
        return None
    size = _item_bytes(field[1])
    counts = field[2] if len(field) == 3 else ()  # noqa: PLR2004 - name, type, shape
    if size is None or not isinstance(counts, tuple):
        return None
    return size * math.prod(counts)
