"""Find external files and non-ONNX operators in the graphs of an ONNX model.

Tensors may be stored in other files (``TensorProto.external_data``), and may be in many places: in
the initializers, in attributes of nodes, in subgraphs, functions, sparse tensors and training
graphs. All of these are searched; large values in them are skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final

from modelship.sources._stream import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modelship.sources._budget import Budget
    from modelship.sources._values import Findings

__all__ = ["GraphWalk"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
# The nested messages of each message type, by their field numbers in onnx.proto.
_MESSAGES: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}
_TEXTS: Final[Mapping[str, Mapping[int, str]]] = {
    "node": {4: "operator", 7: "domain"},
    "function": {1: "name", 10: "domain"},
    "entry": {1: "key", 2: "value"},
}
# Attributes that are numbers are stored one by one, each with its key: these are many in a row.
_FLOATS: Final = re.compile(rb"(?:\x3d[\s\S]{4})+")
_INTEGERS: Final = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])+")
_KNOWN_DOMAINS: Final = frozenset(
    (
        *("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview"),
        *("ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc"),
        *("com.microsoft.experimental", "com.ms.internal.nhwc", "org.pytorch.aten"),
    )
)
# Libraries with operators that run Python, or code in other files.
_OF_LIBRARIES: Final = frozenset(("ai.onnx.contrib", "onnx_extended"))
_OUTSIDE: Final = frozenset(("PyOp", "PythonOp", "PythonOpGrad", "PyCustomOpDef", "EPContext"))
_WINDOW_BYTES: Final = 64 * 1024
_LONGEST_HEAD: Final = 20
_MAX_TEXT_BYTES: Final = 4096
_STEPS_BETWEEN_CHECKS: Final = 1024


class GraphWalk:
    """Searches all graphs of a model, and records what they need in addition to the file."""

    def __init__(self, file: BinaryIO, budget: Budget, findings: Findings) -> None:
        self._file = file
        self._budget = budget
        self._findings = findings
        self._data, self._begin = b"", 0
        self._steps = 0
        self._domains: set[str] = set()
        self._operators: set[tuple[str, str]] = set()
        self._functions: set[tuple[str, str]] = set()

    def walk(self, size_bytes: int, *, domains: Iterable[str]) -> None:
        """Search from the start of the file; `domains` are the operator domains in its header.

        Raises
        ------
        MalformedError
            If the file is not encoded as an ONNX model.
        UndescribedError
            If this takes too long.
        """
        self._domains.update(domains)
        waiting = [("model", 0, size_bytes)]
        while waiting:
            kind, at, end = waiting.pop()
            inner, names = _MESSAGES[kind], _TEXTS.get(kind, {})
            texts: dict[str, list[str]] = {name: [] for name in names.values()}
            while at < end:
                at, number, length = self._field(kind, at, end)
                if number in inner and length is not None:
                    waiting.append((inner[number], at, at + length))
                elif number in names and length is not None:
                    texts[names[number]].append(self._text(at, length))
                at += length or 0
            if kind in _NOTES:
                _NOTES[kind](self, texts)
        self._judge()

    def _judge(self) -> None:
        for domain, operator in sorted(self._operators - self._functions):
            if domain not in _KNOWN_DOMAINS:
                self._hazard(f"it has an operator {domain}.{operator}, which is not of ONNX")
            elif operator in _OUTSIDE:
                self._hazard(f"it has an operator {operator}, which runs code outside of ONNX")
        for domain in sorted(self._domains - {domain for domain, _ in self._functions}):
            if domain not in _KNOWN_DOMAINS:
                self._hazard(f"it asks for operators of {domain!a}, which are not of ONNX")

    def _field(self, kind: str, at: int, end: int) -> tuple[int, int, int | None]:
        """Return the start of a field's content, its number, and the length of a message."""
        self._count()
        data = self._window(at)
        place = at - self._begin
        if kind == "attribute":
            run = _FLOATS.match(data, place) or _INTEGERS.match(data, place)
            if run and run.end() + self._begin <= end:
                return run.end() + self._begin, 0, None
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        length = None
        if wire == _VARINT:
            _, place = _varint(data, place)
        elif wire == _BYTES:
            length, place = _varint(data, place)
        elif wire in _SIZES:
            place += _SIZES[wire]
        else:
            raise MalformedError("a field in it is of no kind that there is")
        at = place + self._begin
        if number == 0 or at + (length or 0) > end:
            raise MalformedError("a field in it is longer than what holds it")
        return at, number, length

    def _count(self) -> None:
        self._steps += 1
        if self._steps % _STEPS_BETWEEN_CHECKS == 0:
            self._budget.take_steps(_STEPS_BETWEEN_CHECKS)

    def _window(self, at: int) -> bytes:
        if not self._begin <= at <= self._begin + len(self._data) - _LONGEST_HEAD:
            self._file.seek(at)
            self._data, self._begin = self._file.read(_WINDOW_BYTES), at
        return self._data

    def _text(self, at: int, length: int) -> str:
        if length > _MAX_TEXT_BYTES:
            return "\0"
        self._file.seek(at)
        return self._file.read(length).decode("utf-8", "replace")

    def note_node(self, texts: Mapping[str, list[str]]) -> None:
        """Record the operator of a node; the last one of repeated texts counts."""
        self._operators.add((_last(texts["domain"]), _last(texts["operator"])))

    def note_function(self, texts: Mapping[str, list[str]]) -> None:
        """Record a function in the model, which nodes may use as an operator."""
        domain, name = _last(texts["domain"]), _last(texts["name"])
        if domain not in _OF_LIBRARIES:
            self._functions.add((domain, name))

    def note_entry(self, texts: Mapping[str, list[str]]) -> None:
        """Record the file of a tensor."""
        if "location" in texts["key"]:  # if there are several, any of them may count
            for value in texts["value"]:
                self._note_location(value)

    def _note_location(self, text: str) -> None:
        parts = re.split(r"[/\\]", text)
        if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in text:
            self._hazard(f"it reads the file {text[:200]!a}, which is outside of its folder")
        else:
            self._findings.files.add(text)

    def _hazard(self, clause: str) -> None:
        self._findings.hazards[clause] = None


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - no more follow
            return value, place
        shift += 7
        if shift > 63:  # noqa: PLR2004 - as no number of 64 bits is longer
            break
    raise MalformedError("a number in it is longer than any")


def _last(texts: list[str]) -> str:
    return texts[-1] if texts else ""


_NOTES: Final[Mapping[str, Callable[[GraphWalk, Mapping[str, list[str]]], None]]] = {
    "node": GraphWalk.note_node,
    "function": GraphWalk.note_function,
    "entry": GraphWalk.note_entry,
}
