"""Read the inputs, outputs and class labels of an ONNX graph.

The field numbers are those of onnx.proto. Converters for scikit-learn models (skl2onnx,
onnxmltools) write the predicted label as the first output, followed by the probabilities: as one
tensor, as a map for each row (``ZipMap``), or as one tensor for each class.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._protobuf import signed
from modelship.tables import Column, Outputs, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.sources._protobuf import MessageReader, Slice

__all__ = ["OnnxGraph"]

_FLOATS: Final = frozenset((1, 10, 11, 16))
_INTEGERS: Final = frozenset((2, 3, 4, 5, 6, 7, 12, 13))
_STRING, _BOOLEAN, _INT64 = 8, 9, 7
_KINDS: Final[Mapping[int, str]] = {
    **dict.fromkeys(_FLOATS, "number"),
    **dict.fromkeys(_INTEGERS, "integer"),
    _STRING: "text",
    _BOOLEAN: "boolean",
}
_CLASSIFIERS: Final = frozenset(("LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"))
_CONVERTERS: Final = ("skl2onnx", "OnnxMLTools", "onnxmltools")
_MAX_VALUES: Final = 10_000
_MAX_LABEL_BYTES: Final = 10_000
_COLUMN: Final = 2


@dataclass(frozen=True)
class _Value:
    """An input or an output: the element type and the shape of a tensor, -1 for open dimensions."""

    name: str
    kind: int = 0
    shape: tuple[int, ...] | None = None

    @property
    def is_column(self) -> bool:
        shape = self.shape
        return bool(self.kind) and shape is not None and (len(shape) == 1 or shape[1:] == (1,))

    @property
    def is_label(self) -> bool:
        return self.is_column and (self.kind == _STRING or self.kind in _INTEGERS)


class OnnxGraph:
    """Reads the graph of a model, which was already read as an ONNX model."""

    def __init__(self, message: MessageReader) -> None:
        self._message = message
        self.inputs: list[_Value] = []
        self.outputs: list[_Value] = []
        self._initializers: dict[str, Slice] = {}
        self._labels: list[tuple[str, tuple[Any, ...]]] = []
        self._extracted: list[str] = []

    def read(self) -> None:
        """Read the inputs, the outputs and the labels.

        Raises
        ------
        MalformedError
            If the file is not encoded as an ONNX model.
        UndescribedError
            If this takes too long.
        """
        for number, value in self._message.fields(self._message.whole):
            if number == 7 and isinstance(value, tuple):  # noqa: PLR2004 - ModelProto.graph
                self._read_graph(value)
        self.inputs = [each for each in self.inputs if each.name not in self._initializers]

    def schema(self, *, producer: str) -> Schema:
        """Return the schema of the inputs and outputs."""
        outputs = self._outputs(producer)
        if len(self.inputs) > 1:
            columns = tuple(map(_column, self.inputs)) if self._takes_columns() else ()
            return Schema("table" if columns else "", columns, outputs=outputs)
        if not self.inputs:
            return Schema(outputs=outputs)
        [only] = self.inputs
        width = only.shape[1] if only.shape and len(only.shape) == _COLUMN else -1
        if only.kind == _STRING and 0 < width <= _MAX_VALUES:
            return Schema("objects", (Column(kind="text", missing=False),) * width, outputs=outputs)
        if only.kind == _STRING:
            one = (Column(kind="text", missing=False),) if len(only.shape or ()) == 1 else ()
            return Schema("values" if one else "", one, outputs=outputs)
        return Schema("array", width=width if width > 0 else None, outputs=outputs)

    def unusable(self) -> str:
        """Return which inputs or outputs are not a table, or ``""``."""
        if not self.inputs:
            return "takes no input"
        if len(self.inputs) == 1 and self.inputs[0].kind not in _KINDS:
            return (
                f"takes an input that is not a tensor of numbers or texts ({_names(self.inputs)})"
            )
        if len(self.inputs) > 1 and not self._takes_columns():
            return f"takes several tensors ({_names(self.inputs)})"
        if len(self.outputs) > 1 and not self._is_classifier():
            return f"answers several tensors ({_names(self.outputs)})"
        return ""

    def _takes_columns(self) -> bool:
        names = {each.name for each in self.inputs}
        return (
            len(self.inputs) > 1
            and len(names) == len(self.inputs)
            and all(each.is_column and each.kind in _KINDS for each in self.inputs)
        )

    def _is_classifier(self) -> bool:
        """Return whether a label is the first output, followed by scores or probabilities."""
        if len(self.outputs) <= 1 or not self.outputs[0].is_label:
            return False
        maps = len(self.outputs) == _COLUMN and not self.outputs[1].kind
        return maps or all(each.kind in _FLOATS for each in self.outputs[1:])

    def _outputs(self, producer: str) -> Outputs:
        if self._is_classifier():
            labels = self._class_labels()
            return Outputs(
                "classification",
                labels=(labels,) if labels else (),
                probabilities=bool(labels) and self._count_scores() in {len(labels), None},
            )
        converted = producer.startswith(_CONVERTERS)
        single = len(self.outputs) == 1 and self.outputs[0].is_column
        if single and self.outputs[0].kind in _FLOATS:
            return Outputs("regression" if converted else "", probabilities=False)
        is_label = single and (converted or self.outputs[0].kind == _STRING)
        return Outputs("classification" if is_label else "", probabilities=False)

    def _count_scores(self) -> int | None:
        """Return the number of scores for a row; None if only the maps contain it."""
        if len(self.outputs) > _COLUMN:
            return len(self.outputs) - 1
        shape = self.outputs[1].shape
        return None if not shape or shape[-1] < 0 else shape[-1]

    def _class_labels(self) -> tuple[Any, ...]:
        is_text = self.outputs[0].kind == _STRING
        told = [labels for operator, labels in self._labels if operator == "ZipMap"]
        told = told or [labels for _, labels in self._labels]
        told += [
            self._tensor(self._initializers[name])
            for name in self._extracted
            if name in self._initializers
        ]
        fitting = {
            labels
            for labels in told
            if labels and all(isinstance(label, str) == is_text for label in labels)
        }
        count = self._count_scores()
        fitting = {each for each in fitting if count in {None, 1, len(each)}}
        return fitting.pop() if len(fitting) == 1 else ()

    def _read_graph(self, graph: Slice) -> None:
        for number, value in self._message.fields(graph):
            if not isinstance(value, tuple):
                continue
            if number == 1:
                self._read_node(value)
            elif number == 5:  # noqa: PLR2004 - initializer
                self._initializers[self._message.name(value, 8)] = value
            elif number in {11, 12} and len(self.inputs) + len(self.outputs) < _MAX_VALUES:
                (self.inputs if number == 11 else self.outputs).append(self._value(value))  # noqa: PLR2004 - input

    def _read_node(self, node: Slice) -> None:
        operator = self._message.name(node, 4)
        if operator == "ArrayFeatureExtractor":
            name = next(
                (self._message.text(v) for n, v in self._message.fields(node) if n == 1), ""
            )
            self._extracted.append(name)
        if operator not in _CLASSIFIERS and operator != "ZipMap":
            return
        for number, value in self._message.fields(node):
            is_attribute = number == 5 and isinstance(value, tuple)  # noqa: PLR2004 - its number
            if is_attribute and self._message.name(value, 1).startswith("classlabels_"):
                self._labels.append((operator, self._list(value, strings=9, integers=8)))

    def _list(self, message: Slice | int, *, strings: int, integers: int) -> tuple[Any, ...]:
        """Return the texts or the whole numbers in a message, packed or one by one."""
        found: list[Any] = []
        within = message if isinstance(message, tuple) else (0, 0)
        for number, value in self._message.fields(within):
            if number == strings and isinstance(value, tuple):
                found.append(self._message.text(value, most=_MAX_LABEL_BYTES))
            elif number == integers and isinstance(value, int):
                found.append(signed(value))
            elif number == integers and isinstance(value, tuple):
                found.extend(map(signed, self._message.packed(value)))
            if len(found) > _MAX_VALUES:
                return ()
        return tuple(found)

    def _tensor(self, tensor: Slice) -> tuple[Any, ...]:
        """Return the values of a short tensor of texts or 64-bit numbers."""
        kind, raw = 0, None
        for number, value in self._message.fields(tensor):
            if number == 2 and isinstance(value, int):  # noqa: PLR2004 - data_type
                kind = value
            elif number == 9 and isinstance(value, tuple):  # noqa: PLR2004 - raw_data
                raw = value
        if raw is not None and kind == _INT64 and raw[1] - raw[0] <= 8 * _MAX_VALUES:
            content = bytes(self._message.content[slice(*raw)])
            return struct.unpack(f"<{len(content) // 8}q", content[: len(content) // 8 * 8])
        return self._list(tensor, strings=6, integers=7 if kind == _INT64 else 5)

    def _value(self, message: Slice) -> _Value:
        """Read a ValueInfoProto; if it is not a tensor, only its name."""
        tensor = self._message.inner(self._message.inner(message, 2), 1)
        if tensor is None:
            return _Value(self._message.name(message, 1))
        kind = next(
            (v for n, v in self._message.fields(tensor) if n == 1 and isinstance(v, int)), 0
        )
        shape = self._message.inner(tensor, 2)
        dimensions = None if shape is None else tuple(self._dimensions(shape))
        return _Value(self._message.name(message, 1), kind, dimensions)

    def _dimensions(self, shape: Slice) -> Iterator[int]:
        for number, value in self._message.fields(shape):
            if number == 1 and isinstance(value, tuple):
                sizes = [v for n, v in self._message.fields(value) if n == 1 and isinstance(v, int)]
                yield sizes[-1] if sizes else -1


def _column(value: _Value) -> Column:
    kind = _KINDS[value.kind]
    return Column(name=value.name, kind=kind, missing=None if kind == "number" else False)


def _names(values: list[_Value]) -> str:
    names = [each.name if each.name.isprintable() else ascii(each.name) for each in values[:6]]
    return ", ".join(names) + (f" and {len(values) - 6} more" if len(values) > 6 else "")  # noqa: PLR2004 - shown
