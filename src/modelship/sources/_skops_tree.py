"""Build the object tree of a skops file, the same as that of a pickle.

Each node of the schema names a loader of skops.io (``skops/io/_general.py``, ``_numpy.py``). Those
of plain values, containers and arrays are read; for all others only the class is kept.
"""

from __future__ import annotations

import ast
import json
import math
import re
import zipfile
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._budget import Budget
from modelship.sources._kinds import OPAQUE
from modelship.sources._skops import read_document
from modelship.sources._tree import Array, Entries, Head, Items, KnownDtype, Thing
from modelship.sources._values import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["skops_tree"]

_MAX_DEPTH: Final = 60
_MAX_NODES: Final = 500_000
_MAX_TEXT: Final = 64 * 1024
_MAX_ARRAY_BYTES: Final = 256 * 1024
_DESCRIPTION: Final = re.compile(r"[<|=]([biufU])([0-9]{1,9})")
_UCS4_BYTES: Final = 4
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_HEADER_AT: Final = 10
_OBJECT: Final = "O8"


def skops_tree(path: Path) -> object:
    """Return the tree of a skops file.

    Raises
    ------
    MalformedError, UndescribedError
        If the schema cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        reader = _Reader(archive, Budget(path.stat().st_size))
        return reader.value(read_document(path), depth=0)


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, budget: Budget) -> None:
        self._archive = archive
        self._budget = budget
        self._nodes = 0
        self._seen: dict[int, object] = {}

    def value(self, node: object, *, depth: int) -> object:
        """Return the value of a node; OPAQUE if it is unknown."""
        self._nodes += 1
        if not isinstance(node, dict) or depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            return OPAQUE
        self._budget.take_time()
        at = node.get("__id__")
        if node.get("__loader__") == "CachedNode":
            return self._seen.get(at, OPAQUE) if isinstance(at, int) else OPAQUE
        read = _READ.get(str(node.get("__loader__")), _Reader._thing)
        found = read(self, node, depth + 1)
        if isinstance(at, int):
            self._seen[at] = found
        return found

    def _plain(self, node: Mapping[str, Any], _: int) -> object:
        content = node.get("content")
        if not isinstance(content, str):
            return OPAQUE
        found = json.loads(content)
        if isinstance(found, str) and len(found) > _MAX_TEXT:
            return Head(found[:_MAX_TEXT].encode("utf-8", "replace"))
        return found if isinstance(found, (str, int, float, bool, type(None))) else OPAQUE

    def _items(self, node: Mapping[str, Any], depth: int) -> list[object]:
        content = node.get("content")
        held = content if isinstance(content, list) else []
        return [self.value(each, depth=depth) for each in held]

    def _list(self, node: Mapping[str, Any], depth: int) -> object:
        kind = "set" if node.get("__loader__") == "SetNode" else "list"
        return Items(self._items(node, depth), kind=kind)

    def _tuple(self, node: Mapping[str, Any], depth: int) -> object:
        return tuple(self._items(node, depth))

    def _entries(self, node: Mapping[str, Any], depth: int) -> object:
        content, entries = node.get("content"), Entries()
        kinds = _key_kinds(node.get("key_types"))
        for at, (key, value) in enumerate(content.items() if isinstance(content, dict) else ()):
            is_text = at >= len(kinds) or kinds[at] == "str"
            entries.add([key if is_text else OPAQUE, self.value(value, depth=depth)])
        return entries

    def _name(self, node: Mapping[str, Any], _: int) -> object:
        return Name(_full_name(node), held=True)

    def _thing(self, node: Mapping[str, Any], depth: int) -> object:
        thing = Thing(Name(_full_name(node), made=True))
        content = node.get("content")
        if node.get("__loader__") == "ObjectNode" and isinstance(content, dict):
            thing.state = self.value(content, depth=depth)
        return thing

    def _array(self, node: Mapping[str, Any], depth: int) -> object:
        if node.get("type") == "json":
            shape = self.value(node.get("shape"), depth=depth)
            if not isinstance(shape, tuple):
                return OPAQUE
            items = Items(self._items(node, depth))
            return _as_thing(Array(shape, KnownDtype((_OBJECT,)), items))
        array = self._stored(node.get("file"))
        if array is None:
            return OPAQUE
        values = array.values if array.shape == () else None
        return values[0] if values and len(values) == 1 else _as_thing(array)

    def _stored(self, name: object) -> Array | None:
        """Return an array in a NumPy file, without its values if there are many."""
        if not isinstance(name, str) or name not in self._archive.namelist():
            return None
        with self._archive.open(name) as file:
            head = file.read(_HEADER_AT)
            if not head.startswith(_MAGIC):
                return None
            header = ast.literal_eval(file.read(int.from_bytes(head[8:], "little")).decode("ascii"))
            match, shape = _DESCRIPTION.fullmatch(str(header["descr"])), header["shape"]
            if match is None or not all(type(size) is int and size >= 0 for size in shape):
                return None
            dtype = KnownDtype((f"{match[1]}{match[2]}",))
            size_bytes = dtype.item_size_bytes * math.prod(shape)
            kept = len(shape) < 2 and size_bytes <= _MAX_ARRAY_BYTES  # noqa: PLR2004 - flat
            return Array(shape, dtype, file.read(size_bytes) if kept else None)


def _full_name(node: Mapping[str, Any]) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _key_kinds(node: object) -> list[object]:
    content = node.get("content") if isinstance(node, dict) else None
    held = content if isinstance(content, list) else []
    return [each.get("__class__") for each in held if isinstance(each, dict)]


def _as_thing(array: Array) -> Thing:
    thing = Thing(Name("numpy.ndarray", made=True))
    thing.state = array
    return thing


_READ: Final[Mapping[str, Callable[[_Reader, Mapping[str, Any], int], object]]] = {
    "JsonNode": _Reader._plain,  # noqa: SLF001 - a table of its methods
    "ListNode": _Reader._list,  # noqa: SLF001 - as above
    "SetNode": _Reader._list,  # noqa: SLF001 - as above
    "TupleNode": _Reader._tuple,  # noqa: SLF001 - as above
    "DictNode": _Reader._entries,  # noqa: SLF001 - as above
    "NdArrayNode": _Reader._array,  # noqa: SLF001 - as above
    "TypeNode": _Reader._name,  # noqa: SLF001 - as above
    "FunctionNode": _Reader._name,  # noqa: SLF001 - as above
}
