"""Read the first fields of an ONNX ModelProto.

The fields are those of onnx.proto; the encoding is that of Protocol Buffers ("Encoding" in their
documentation). The graph, which is most of the file, is read separately.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelship.sources._onnx_graph import GraphWalk
from modelship.sources._onnx_schema import OnnxGraph
from modelship.sources._pickled import note_pickles
from modelship.sources._protobuf import MessageReader, PastEndError
from modelship.sources._stream import EndedEarlyError, MalformedError, UndescribedError
from modelship.sources._values import Findings
from modelship.tables import Schema

if TYPE_CHECKING:
    from modelship.sources._parts import Described, Part
    from modelship.sources._protobuf import Slice

__all__ = ["read_onnx"]

# The field numbers of a ModelProto, and of the OperatorSetIdProto in it.
_IR_VERSION, _PRODUCER_NAME, _PRODUCER_VERSION, _GRAPH, _OPSET = 1, 2, 3, 7, 8
_DOMAIN, _VERSION = 1, 2
_DEFAULT_DOMAIN: Final = "ai.onnx"
_MAX_SHORT_BYTES: Final = 1024
_MAX_FIELDS: Final = 10_000
_MAX_OPSETS: Final = 1000


@dataclass
class _Header:
    """The fields of a ModelProto except its graph."""

    texts: dict[int, str] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    ir_version: int = 0
    has_graph: bool = False

    @property
    def producer(self) -> str:
        parts = (self.texts.get(each) for each in (_PRODUCER_NAME, _PRODUCER_VERSION))
        return " ".join(filter(None, parts))


def read_onnx(part: Part) -> Described:
    """Read the header of an ONNX file, and check that the rest has the declared length.

    Raises
    ------
    EndedEarlyError
        If the file is truncated.
    MalformedError
        If it is not an ONNX model.
    """
    findings = Findings()
    schema, unusable = Schema(), ""
    with part.mapped() as content:
        message = MessageReader(content, part.budget)
        header = _read_header(message)
        try:
            GraphWalk(message, findings).walk(header.opsets)
        except UndescribedError as error:
            findings.leave(str(error))
        note_pickles(part, findings, what="an ONNX model")
        with findings.reading("{}"):
            graph = OnnxGraph(message)
            graph.read()
            schema, unusable = graph.schema(producer=header.producer), graph.unusable()
    return part.described(
        "onnx",
        findings,
        producer=header.producer,
        ir_version=header.ir_version,
        opsets=tuple(sorted(header.opsets.items())),
        raw_files=tuple(findings.files),
        schema=schema,
        unusable=unusable,
    )


def _read_header(message: MessageReader) -> _Header:
    header = _Header()
    try:
        for count, (number, value) in enumerate(message.fields(message.whole)):
            if count == _MAX_FIELDS:
                raise MalformedError("it has more fields than a model")
            _note(header, message, number, value)
    except PastEndError as error:
        raise EndedEarlyError("its graph" if error.number == _GRAPH else "its header") from None
    if not header.has_graph or not header.opsets:
        raise MalformedError("it has no graph, or names no operators")
    return header


def _note(header: _Header, message: MessageReader, number: int, value: int | Slice) -> None:
    if number == _IR_VERSION and isinstance(value, int):
        header.ir_version = value
    elif number in {_PRODUCER_NAME, _PRODUCER_VERSION}:
        header.texts[number] = _text(message, value)
    elif number == _OPSET and isinstance(value, tuple) and len(header.opsets) < _MAX_OPSETS:
        domain, version = _opset(message, value)
        header.opsets[domain or _DEFAULT_DOMAIN] = version
    header.has_graph |= number == _GRAPH


def _opset(message: MessageReader, content: Slice) -> tuple[str, int]:
    """Read the domain and the version of an OperatorSetIdProto."""
    domain, version = "", 0
    for number, value in message.fields(content):
        if number == _DOMAIN:
            domain = _text(message, value)
        elif number == _VERSION and isinstance(value, int):
            version = value
    return domain, version


def _text(message: MessageReader, value: int | Slice) -> str:
    text = message.text(value, most=_MAX_SHORT_BYTES)
    return text if text.isprintable() else ""
