"""skops files and ONNX models that lead out of what their formats are for."""
# ruff: noqa: E501 - tables, where one attempt stands on one line

from __future__ import annotations

import io
import json
import pickle
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from corpus.hostile_files import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def varint(value: int) -> bytes:
    """A number as protocol buffers have it."""
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def model(graph: bytes, *, domain: str = "", more: bytes = b"") -> bytes:
    """An ONNX model."""
    opset = field(8, field(1, b"") + field(2, 17))
    other = field(8, field(1, domain.encode()) + field(2, 1)) if domain else b""
    return field(1, 8) + field(7, graph) + opset + other + more


def tensor(location: str) -> bytes:
    """A tensor in another file."""
    return field(13, field(1, b"location") + field(2, location.encode())) + field(14, 1)


def node(kind: str = "Identity", *, domain: str = "", attribute: bytes = b"") -> bytes:
    """A node with one attribute."""
    return field(4, kind.encode()) + field(7, domain.encode()) + field(5, attribute)


OUT = tensor("../../../etc/passwd")
ONNX = {
    "an initializer": model(field(5, OUT)),
    "an absolute path": model(field(5, tensor("/etc/passwd"))),
    "a path of Windows": model(field(5, tensor("..\\..\\secret"))),
    "a drive": model(field(5, tensor("C:\\secret"))),
    "a path that goes down and up": model(field(5, tensor("a/../../secret"))),
    "a location behind its key": model(field(5, field(13, field(2, b"../x") + field(1, b"location")))),
    "a key given twice": model(field(5, field(13, field(1, b"offset") + field(2, b"../x")
                                              + field(1, b"location")))),
    "an attribute": model(field(1, node(attribute=field(5, OUT)))),
    "one of several tensors": model(field(1, node(attribute=field(10, field(8, b"t")) + field(10, OUT)))),
    "a subgraph": model(field(1, node("If", attribute=field(6, field(5, OUT))))),
    "subgraphs of subgraphs": model(field(1, node("Loop", attribute=field(11, field(1, node(
        "If", attribute=field(6, field(5, OUT)))))))),
    "a function": model(b"", more=field(25, field(7, node(attribute=field(5, OUT))))),
    "a default of a function": model(b"", more=field(25, field(11, field(5, OUT)))),
    "a sparse tensor": model(field(15, field(1, OUT))),
    "the indices of a sparse tensor": model(field(15, field(2, OUT))),
    "an attribute that is sparse": model(field(1, node(attribute=field(22, field(1, OUT))))),
    "several that are sparse": model(field(1, node(attribute=field(23, field(2, OUT))))),
    "a graph of training": model(b"", more=field(20, field(2, field(5, OUT)))),
    "a second graph": model(b"", more=field(7, field(5, OUT))),
    "after many numbers": model(field(1, node(attribute=b"\x3d1234" * 5000 + b"\x40\x81\x01" * 5000
                                              + field(5, OUT)))),
    "operators of Python": model(field(1, node("PyOp", domain="ai.onnx.contrib"))),
    "operators of Python in the header": model(b"", domain="ai.onnx.contrib"),
    "operators of another library": model(field(1, node("X", domain="my.ops"))),
    "operators in a function": model(b"", more=field(25, field(7, node("X", domain="my.ops")))),
    "a function in the place of a library's": model(field(1, node("PyOp", domain="ai.onnx.contrib")), more=field(
        25, field(1, b"PyOp") + field(10, b"ai.onnx.contrib"))),
    "another function of its domain": model(field(1, node("X", domain="my.ops")), more=field(
        25, field(1, b"Y") + field(10, b"my.ops"))),
    "a pickle in a field of its own": field(9, b"\0\0\0cos\nsystem\n)R." + b"." * 64) + model(b""),
    "code of a provider": model(field(1, node("EPContext", domain="com.microsoft"))),
    "Python in an operator of Microsoft": model(field(1, node("PythonOp", domain="com.microsoft"))),
}  # fmt: skip


def _node(loader: str, path: str, **more: object) -> dict[str, object]:
    module, _, name = path.partition(":")
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


DICT = _node("DictNode", "builtins:dict")
SKOPS = {
    "a function": _node("FunctionNode", "os:system"),
    "a type": _node("TypeNode", "subprocess:Popen"),
    "an object": _node("ObjectNode", "subprocess:Popen", content=None),
    "a method": _node("MethodNode", "os:system", content={"func": "system", "obj": DICT}),
    "a method of a module": _node("MethodNode", "sklearn.base:os",
                                  content={"func": "system", "obj": _node("TypeNode", "sklearn.base:os")}),
    "a method that is an attribute": _node("MethodNode", "builtins:dict",
                                           content={"func": "__class__", "obj": DICT}),
    "a method by a path": _node("MethodNode", "builtins:dict",
                                content={"func": "a.b", "obj": DICT}),
    "attrgetter": _node("OperatorFuncNode", "operator:attrgetter", attrs=DICT),
    "methodcaller": _node("OperatorFuncNode", "operator:methodcaller", attrs=DICT),
    "a partial": _node("PartialNode", "functools:partial", content={
        "func": _node("FunctionNode", "os:system"), "args": DICT, "kwds": DICT, "namespace": DICT}),
    "a list that is a call": _node("ListNode", "os:system", content=[]),
    "a dict that is a call": _node("DictNode", "subprocess:Popen", content={}),
    "a constructor": _node("ConstructorFromReduceNode", "subprocess:Popen",
                           content=DICT, __reduce__={"args": DICT}),
    "a function of a library as a class": _node("SGDNode", "sklearn.datasets._base:clear_data_home"),
    "a name through another module": _node("FunctionNode", "numpy:os.system"),
    "a name through a module of a library": _node("FunctionNode", "sklearn.utils.fixes:os.system"),
    "built-in code": _node("TypeNode", "builtins:eval"),
    "a name that cannot be printed": _node("FunctionNode", "os\x00:system"),
    "a name longer than any": _node("FunctionNode", "os:" + "a" * 300),
}  # fmt: skip


def _skops(folder: Path, _: str, *, root: object) -> Path:
    path = folder / "model.skops"
    schema = _node("DictNode", "builtins:dict", content={"a": [root]}, _skops_version="0.13.0")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return path


def _skops_with(folder: Path, marker: str, *, entry: str) -> Path:
    path = _skops(folder, marker, root=DICT)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Runs(marker)], object), allow_pickle=True)
    content = buffer.getvalue() if entry.endswith(".npy") else pickle.dumps(Runs(marker))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, content)
    return path


def _onnx(folder: Path, _: str, *, content: bytes) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(content)
    return path


def cases() -> Iterator[tuple[str, str, Callable[[Path, str], Path]]]:
    """Yield the name, the attempt and the writer of each case."""
    for title, content in ONNX.items():
        yield (
            f"onnx: {title}",
            f"to lead out of an ONNX model by {title}",
            partial(_onnx, content=content),
        )
    for title, root in SKOPS.items():
        yield (
            f"skops: {title}",
            f"to have skops call or look up {title}",
            partial(_skops, root=root),
        )
    for entry in ("weights.npy", "model.pkl", "0"):
        yield (
            f"skops: {entry} in it",
            "to hide a pickle in a skops file",
            partial(_skops_with, entry=entry),
        )
