"""What an ONNX file says of itself: the first fields of its ModelProto.

The fields are those of onnx.proto; the encoding is that of protocol buffers ("Encoding" in their
documentation). The graph, which is almost all of the file, is passed over by its length.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.sources._stream import EndedEarlyError, MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["OnnxHeader", "read_onnx"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_PRODUCER_NAME, _PRODUCER_VERSION, _GRAPH, _OPSET = 2, 3, 7, 8
_MAX_TEXT: Final = 256
_MAX_FIELDS: Final = 10_000
_MAX_VARINT: Final = 10


@dataclass(frozen=True)
class OnnxHeader:
    """What wrote a model, and the versions of the operators that it uses, by domain."""

    producer: str
    opsets: tuple[tuple[str, int], ...]


def read_onnx(path: Path) -> OnnxHeader:
    """Read the header of an ONNX file, and see that the rest is as long as it says.

    Raises
    ------
    EndedEarlyError
        If the file was not copied in full.
    MalformedError
        If it is not an ONNX model.
    """
    texts: dict[int, str] = {}
    opsets: dict[str, int] = {}
    has_graph = False
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        for number, content in _fields(file, end=size_bytes):
            has_graph = has_graph or number == _GRAPH
            if number in {_PRODUCER_NAME, _PRODUCER_VERSION}:
                texts[number] = _text(content)
            elif number == _OPSET:
                domain, version = _opset(content)
                opsets[domain or "ai.onnx"] = version
    if not has_graph or not opsets:
        raise MalformedError("it has no graph, or names no operators")
    producer = " ".join(filter(None, (texts.get(_PRODUCER_NAME), texts.get(_PRODUCER_VERSION))))
    return OnnxHeader(producer, tuple(sorted(opsets.items())))


def _fields(file: BinaryIO, *, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the short content of each field of a message."""
    for _ in range(_MAX_FIELDS):
        if file.tell() == end:
            return
        key = _varint(file)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _varint(file)
            continue
        if kind != _BYTES and kind not in _SIZES:
            raise MalformedError("a field in it has no kind that there is")
        size_bytes = _varint(file) if kind == _BYTES else _SIZES[kind]
        begin = file.tell()
        if begin + size_bytes > end:
            raise EndedEarlyError("its graph" if number == _GRAPH else "its header")
        yield number, file.read(min(size_bytes, _MAX_TEXT)) if number != _GRAPH else b""
        file.seek(begin + size_bytes)
    raise MalformedError("it has more fields than a model")


def _varint(file: BinaryIO) -> int:
    value = 0
    for place in range(_MAX_VARINT):
        byte = file.read(1)
        if not byte:
            raise EndedEarlyError("a number")
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value
    raise MalformedError("a number in it is longer than any")


def _opset(content: bytes) -> tuple[str, int]:
    """Read an OperatorSetIdProto: the domain is field 1, the version field 2."""
    domain, version, at = "", 0, 0
    while at + 1 < len(content):
        key = content[at]
        if key == (1 << 3 | _BYTES):
            size = content[at + 1]
            domain = _text(content[at + 2 : at + 2 + size])
            at += 2 + size
        elif key == (2 << 3 | _VARINT):
            version, at = content[at + 1] & 0x7F, at + 2
            if content[at - 1] >= 0x80:  # noqa: PLR2004 - as above
                raise MalformedError("it asks for operators of a version that is none")
        else:
            raise MalformedError("it names its operators in a way that is none")
    return domain, version


def _text(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    return text if text.isprintable() else ""
