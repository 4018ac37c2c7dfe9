"""Writes the graph y = x @ [[1], [1]] by hand, as onnx.proto numbers its fields.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import struct


def number(field, value):
    return bytes([field << 3, value])


def text(field, value):
    content = value.encode() if isinstance(value, str) else value
    return bytes([field << 3 | 2, len(content)]) + content


def value(name, columns):
    shape = text(1, text(2, "n")) + text(1, number(1, columns))
    return text(1, name) + text(2, text(1, number(1, 1) + text(2, shape)))


def write(folder):
    node = text(1, "x") + text(1, "w") + text(2, "y") + text(4, "MatMul")
    ones = number(1, 2) + number(1, 1) + number(2, 1) + text(8, "w")
    ones += text(9, struct.pack("<2f", 1.0, 1.0))
    graph = text(1, node) + text(2, "sum") + text(5, ones)
    graph += text(11, value("x", 2)) + text(12, value("y", 1))
    model = number(1, 8) + text(2, "by hand") + text(7, graph) + text(8, text(1, "") + number(2, 13))
    (folder / "sum.onnx").write_bytes(model)
