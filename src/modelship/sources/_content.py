"""Determine the format of a file from its content.

All content that the loaders of an environment would unpickle is read: a pickle under any name,
packed or not, and the pickle in a NumPy file with objects. Other content is treated as data only if
that is certain; a file of an unknown format is not read, and the passport says so.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelship.sources._inert import read_pickle
from modelship.sources._npy import MAGIC, read_npy
from modelship.sources._pickled import FOLLOWS, Content, read_all
from modelship.sources._stream import (
    EndedEarlyError,
    MalformedError,
    UndescribedError,
    compression_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.sources._stream import ByteStream

__all__ = ["NO_KERAS", "UNKNOWN", "read_content"]

_FIRST_BYTES: Final = 512
_PROTO: Final = 0x80
# Bytes that do not occur in texts, in any single-byte encoding or UTF-8.
_TEXT: Final = bytes({*range(0x20, 0x100), *b"\t\n\r\f"} - {0x7F})
_BYTE_ORDERS: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_MAX_WIDE_TEXT: Final = 16 * 2**20
# Formats of images, audio, tables and boosters, whose readers unpickle nothing.
_DATA: Final = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"%PDF-", b"PAR1", b"OggS"),
    *(b"GGUF", b"CBM1", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", b"{l", b"binf", b"bs64"),
)
_DATA_WITHIN: Final = ((8, b"WEBP"), (8, b"WAVE"), (4, b"TFL3"))
# XGBoost's own format before 2.1: its parameters, then the length and the name of an objective.
_BOOSTER: Final = re.compile(
    rb"[\s\S]{136}[\x01-\x40]\x00{7}(?:reg|binary|multi|rank|count|survival):[a-z0-9:_]+"
)
_UNREADABLE: Final = {
    b"\x28\xb5\x2f\xfd": "zstd compression is not supported; unpack it, or use gzip",
    b"\x04\x22\x4d\x18": "lz4 compression is not supported; save it again with gzip, or with none",
    b"ZF": "the compression of joblib before 0.10 is not supported; save it again",
    b"\x7fELF": "it is compiled code, which is not supported",
    b"MZ": "it is compiled code, which is not supported",
    b"\xcf\xfa\xed\xfe": "it is compiled code, which is not supported",
    b"7z\xbc\xaf\x27\x1c": "7z archives are not supported; unpack it",
    b"Rar!": "rar archives are not supported; unpack it",
}
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_TAR_AT: Final = 257
_MAX_SAFETENSORS_HEADER: Final = 4 * 2**20
# The format of torch before 1.6: a number, a version, then the object, and its tensors.
_TORCH: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_LEGACY_TORCH_PICKLES: Final = 5
UNKNOWN: Final = "its format is unknown"
"""Why the passport of a file in an unknown format is incomplete."""
NO_KERAS: Final = "HDF5 files are not supported, except those of Keras"
"""Why the passport of an HDF5 file that was not written only by Keras is incomplete."""
_HDF5_MARKS: Final = (*(b"keras_version", b"layer_names", b"PYTABLES", b"PSEUDOATOM", b'"Lambda"'),)


def read_content(open_: Callable[[], ByteStream]) -> Content:
    """Read a file whose name does not indicate a format."""
    try:
        return _read(open_)
    except UndescribedError as error:
        return Content().unread(str(error))
    except (EndedEarlyError, MalformedError) as error:
        return Content().unread(f"it cannot be unpacked: {error}")


def _read(open_: Callable[[], ByteStream]) -> Content:
    first = open_().peek(_FIRST_BYTES)
    if not first:
        return Content()
    if first.startswith(MAGIC):
        return Content(read_npy(open_))
    reason = next((_UNREADABLE[each] for each in _UNREADABLE if first.startswith(each)), "")
    if reason:
        return Content().unread(reason)
    return _torch(open_) if first.startswith(_TORCH) else _pickle_or_data(open_, first)


def _pickle_or_data(open_: Callable[[], ByteStream], first: bytes) -> Content:
    content = read_all(open_)
    begun = first[0] == _PROTO
    stopped = next((each for each in content.findings.incomplete if each != FOLLOWS), None)
    if stopped:
        return content.unread(stopped)
    if content.error is None and (begun or content.findings.names):
        return replace(content, is_pickle=True)
    if content.acts(text=_is_text(open_())):
        return content.unread("it begins as a pickle and is truncated")
    if _is_data(open_, first):
        return Content()
    if content.error is None:
        return replace(content, is_pickle=True)
    return Content().unread("it begins as a pickle and is truncated" if begun else UNKNOWN)


def _is_data(open_: Callable[[], ByteStream], first: bytes) -> bool:
    if compression_of(first):
        raise UndescribedError("it is compressed twice; unpack it once")
    if first[_TAR_AT : _TAR_AT + 5] == b"ustar":
        raise UndescribedError("tar archives are not supported; unpack it")
    if first.startswith(_HDF5):
        return _is_plain_hdf5(open_())
    return (
        first.startswith(_DATA)
        or any(first[at:].startswith(magic) for at, magic in _DATA_WITHIN)
        or bool(_BOOSTER.match(first))
        or _is_safetensors(open_())
        or _is_text(open_())
    )


def _is_text(stream: ByteStream) -> bool:
    encoding = _BYTE_ORDERS.get(stream.peek(2))
    if encoding:
        return _is_wide_text(stream, encoding)
    return not any(chunk.translate(None, _TEXT) for chunk in stream.chunks())


def _is_wide_text(stream: ByteStream, encoding: str) -> bool:
    content = bytearray()
    for chunk in stream.chunks():
        content += chunk
        if len(content) > _MAX_WIDE_TEXT:
            return False
    with suppress(UnicodeDecodeError):
        text = content[2:].decode(encoding)
        return all(each.isprintable() or each in "\t\n\r\f" for each in text)
    return False


def _is_safetensors(stream: ByteStream) -> bool:
    """Return whether a file starts with the length of a JSON object, followed by that object."""
    size_bytes = int.from_bytes(stream.peek(8), "little")
    if not 2 <= size_bytes <= _MAX_SAFETENSORS_HEADER or stream.peek(9)[8:] != b"{":  # noqa: PLR2004 - "{}"
        return False
    try:
        stream.skip(8)
        document = json.loads(stream.read(size_bytes))
    except (EndedEarlyError, ValueError, RecursionError):
        return False
    tensors = [value for key, value in document.items() if key != "__metadata__"]
    return all(isinstance(each, dict) and "data_offsets" in each for each in tensors)


def _is_plain_hdf5(stream: ByteStream) -> bool:
    """Return whether an HDF5 file is Keras's, and contains only layers of Keras itself."""
    marks: set[bytes] = set()
    last = b""
    for chunk in stream.chunks():
        window = last + chunk
        marks.update(mark for mark in _HDF5_MARKS if mark in window)
        last = window[-64:]
    if b'"Lambda"' in marks:
        raise UndescribedError("it has a Lambda layer of Keras, whose code is in the file")
    if marks & {b"PYTABLES", b"PSEUDOATOM"}:
        raise UndescribedError("it was written by PyTables, which keeps pickles in HDF5 files")
    if not marks & {b"keras_version", b"layer_names"}:
        raise UndescribedError(NO_KERAS)
    return True


def _torch(open_: Callable[[], ByteStream]) -> Content:
    """Read the five pickles of torch before 1.6, which the bytes of tensors follow."""
    content = Content()
    with content.findings.reading("it begins as a torch file and is truncated"):
        stream = open_()
        for _ in range(_LEGACY_TORCH_PICKLES):
            read_pickle(stream, content.findings, arrays=False, persistent=True)
        content.unpacked_bytes, content.is_pickle = stream.finish(), True
    return content
