"""Read the first fields of an ONNX ModelProto.

The fields are those of onnx.proto; the encoding is that of Protocol Buffers ("Encoding" in their
documentation). The graph, which is most of the file, is read separately.
"""

from __future__ import annotations

import io
import mmap
import os
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.sources._onnx_graph import GraphWalk
from modelship.sources._onnx_schema import OnnxGraph
from modelship.sources._polyglots import note_pickles
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._values import Findings
from modelship.tables import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.sources._parts import Described, Part

__all__ = ["read_onnx"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
# The field numbers of a ModelProto, and of the OperatorSetIdProto in it.
_IR_VERSION, _PRODUCER_NAME, _PRODUCER_VERSION, _GRAPH, _OPSET = 1, 2, 3, 7, 8
_DOMAIN, _VERSION = 1, 2
_DEFAULT_DOMAIN: Final = "ai.onnx"
_MAX_SHORT_BYTES: Final = 1024
_MAX_FIELDS: Final = 10_000
_MAX_OPSETS: Final = 1000
_MAX_VARINT_BYTES: Final = 10
_MORE_FOLLOWS: Final = 0x80


def read_onnx(part: Part) -> Described:
    """Read the header of an ONNX file, and check that the rest has the declared length.

    Raises
    ------
    EndedEarlyError
        If the file is truncated.
    MalformedError
        If it is not an ONNX model.
    """
    texts: dict[int, str] = {}
    opsets: dict[str, int] = {}
    ir_version = 0
    has_graph = False
    with part.path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        for number, value in _fields(file, end=size_bytes):
            if number == _IR_VERSION and isinstance(value, int):
                ir_version = value
            elif number in {_PRODUCER_NAME, _PRODUCER_VERSION} and isinstance(value, bytes):
                texts[number] = _text(value)
            elif number == _OPSET and isinstance(value, bytes) and len(opsets) < _MAX_OPSETS:
                domain, version = _opset(value)
                opsets[domain or _DEFAULT_DOMAIN] = version
            has_graph = has_graph or number == _GRAPH
        if not has_graph or not opsets:
            raise MalformedError("it has no graph, or names no operators")
        findings = Findings()
        walk = GraphWalk(file, part.budget, findings)
        try:
            walk.walk(size_bytes, domains=opsets.keys())
        except UndescribedError as error:
            findings.incomplete[str(error)] = None
    schema, unusable = Schema(), ""
    producer = " ".join(filter(None, (texts.get(_PRODUCER_NAME), texts.get(_PRODUCER_VERSION))))
    note_pickles(part, findings, what="an ONNX model")
    try:
        schema, unusable = _schema(part, producer)
    except (MalformedError, UndescribedError) as error:
        findings.incomplete[str(error)] = None
    return part.described(
        "onnx",
        findings,
        producer=producer,
        ir_version=ir_version,
        opsets=tuple(sorted(opsets.items())),
        raw_files=tuple(findings.files),
        schema=schema,
        unusable=unusable,
    )


def _schema(part: Part, producer: str) -> tuple[Schema, str]:
    """Return the inputs and outputs of the graph, and why they are not a table."""
    with (
        part.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        graph = OnnxGraph(content, part.budget)
        graph.read()
        return graph.schema(producer=producer), graph.unusable()


def _fields(file: BinaryIO, *, end: int) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the value of each field of a message; b"" for a long value."""
    for _ in range(_MAX_FIELDS):
        if file.tell() == end:
            return
        key = _varint(file)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            yield number, _varint(file)
            continue
        if kind != _BYTES and kind not in _SIZES:
            raise MalformedError("a field in it is of no kind that there is")
        size_bytes = _varint(file) if kind == _BYTES else _SIZES[kind]
        begin = file.tell()
        if begin + size_bytes > end:
            raise EndedEarlyError("its graph" if number == _GRAPH else "its header")
        yield number, file.read(size_bytes) if size_bytes <= _MAX_SHORT_BYTES else b""
        file.seek(begin + size_bytes)
    raise MalformedError("it has more fields than a model")


def _varint(file: BinaryIO) -> int:
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        byte = file.read(1)
        if not byte:
            raise EndedEarlyError("a number")
        value |= (byte[0] & ~_MORE_FOLLOWS) << (7 * place)
        if byte[0] < _MORE_FOLLOWS:
            return value
    raise MalformedError("a number in it is longer than any")


def _opset(content: bytes) -> tuple[str, int]:
    """Read the domain and the version of an OperatorSetIdProto."""
    domain, version = "", 0
    for number, value in _fields(io.BytesIO(content), end=len(content)):
        if number == _DOMAIN and isinstance(value, bytes):
            domain = _text(value)
        elif number == _VERSION and isinstance(value, int):
            version = value
    return domain, version


def _text(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    return text if text.isprintable() else ""
