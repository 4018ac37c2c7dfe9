"""Find external files and non-ONNX operators in the graphs of an ONNX model.

Tensors may be stored in other files (``TensorProto.external_data``), and may be in many places: in
the initializers, in attributes of nodes, in subgraphs, functions, sparse tensors and training
graphs. All of these are searched; large values in them are skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelship.sources._protobuf import MessageReader, Slice
    from modelship.sources._values import Findings

__all__ = ["GraphWalk"]

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
_MAX_TEXT_BYTES: Final = 4096


class GraphWalk:
    """Searches all graphs of a model, and records what they need in addition to the file."""

    def __init__(self, message: MessageReader, findings: Findings) -> None:
        self._message = message
        self._findings = findings
        self._domains: set[str] = set()
        self._operators: set[tuple[str, str]] = set()
        self._functions: set[tuple[str, str]] = set()

    def walk(self, domains: Iterable[str]) -> None:
        """Search from the start of the file; `domains` are the operator domains in its header.

        Raises
        ------
        MalformedError
            If the file is not encoded as an ONNX model.
        UndescribedError
            If this takes too long.
        """
        self._domains.update(domains)
        waiting = [("model", self._message.whole)]
        while waiting:
            kind, (at, end) = waiting.pop()
            inner, names = _MESSAGES[kind], _TEXTS.get(kind, {})
            texts: dict[str, list[str]] = {name: [] for name in names.values()}
            while at < end:
                if kind == "attribute" and (run := self._run(at, end)):
                    at = run.end()
                    continue
                number, value, at = self._message.field(at, end)
                if number in inner and isinstance(value, tuple):
                    waiting.append((inner[number], value))
                elif number in names and isinstance(value, tuple):
                    texts[names[number]].append(self._text(value))
            self._note(kind, texts)
        self._judge()

    def _run(self, at: int, end: int) -> re.Match[bytes] | None:
        """Return many numbers in a row, of which the end is searched in steps."""
        content, end = self._message.content, min(end, at + _WINDOW_BYTES)
        return _FLOATS.match(content, at, end) or _INTEGERS.match(content, at, end)

    def _judge(self) -> None:
        hazard = self._findings.hazard
        for domain, operator in sorted(self._operators - self._functions):
            if domain not in _KNOWN_DOMAINS:
                hazard(f"it has an operator {domain}.{operator}, which is not part of ONNX")
            elif operator in _OUTSIDE:
                hazard(f"it has an operator {operator}, which runs code outside of ONNX")
        for domain in sorted(self._domains - {domain for domain, _ in self._functions}):
            if domain not in _KNOWN_DOMAINS:
                hazard(f"it asks for operators of {domain!a}, which are not part of ONNX")

    def _text(self, value: Slice) -> str:
        begin, end = value
        is_long = end - begin > _MAX_TEXT_BYTES
        return "\0" if is_long else self._message.text(value, most=_MAX_TEXT_BYTES)

    def _note(self, kind: str, texts: Mapping[str, list[str]]) -> None:
        """Record what a message needs; the last one of repeated texts counts."""
        last = {name: found[-1] if found else "" for name, found in texts.items()}
        if kind == "node":
            self._operators.add((last["domain"], last["operator"]))
        elif kind == "function" and last["domain"] not in _OF_LIBRARIES:
            self._functions.add((last["domain"], last["name"]))  # nodes may use it as an operator
        elif kind == "entry" and "location" in texts["key"]:  # of several, any may count
            for value in texts["value"]:
                self._note_location(value)

    def _note_location(self, text: str) -> None:
        parts = re.split(r"[/\\]", text)
        if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in text:
            self._findings.hazard(
                f"it reads the file {text[:200]!a}, which is outside of its folder"
            )
        else:
            self._findings.files.add(text)
