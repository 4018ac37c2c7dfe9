"""What a skops file names: it is a zip archive with a ``schema.json`` that describes the objects.

The format is that of skops.io ("Secure persistence with skops"): each node of the schema has the
module and the class of one object.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._stream import MalformedError, UndescribedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SkopsSchema", "is_skops", "read_skops"]

_SCHEMA: Final = "schema.json"
_MAX_SCHEMA_BYTES: Final = 64 * 2**20
_MAX_ENTRIES: Final = 100_000
_MAX_NAME: Final = 256
# The end of a zip archive's directory (PKWARE's APPNOTE, 4.3.16), after which a comment may follow.
_END_SIZE: Final = 22
_LONGEST_COMMENT: Final = 65_535
_ZIP64: Final = 0xFFFF


@dataclass
class SkopsSchema:
    """What was found in a schema."""

    globals: set[str] = field(default_factory=set)
    sklearn_version: str = ""


def is_skops(path: Path) -> bool:
    """Tell whether a zip archive holds a skops schema."""
    try:
        _check_entries(path)
        with zipfile.ZipFile(path) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UndescribedError):
        return False


def read_skops(path: Path) -> SkopsSchema:
    """Read the schema of a skops file.

    Raises
    ------
    MalformedError
        If it is not a schema.
    UndescribedError
        If it is far larger than a model's.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_SCHEMA) as file:
            content = file.read(_MAX_SCHEMA_BYTES + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise MalformedError(f"its schema cannot be unpacked ({error})") from None
    if len(content) > _MAX_SCHEMA_BYTES:
        raise UndescribedError("its schema is larger than any model's")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("its schema is not JSON") from None
    return _read(document)


def _read(document: Any) -> SkopsSchema:
    schema = SkopsSchema()
    for node in _nodes(document):
        for module, name in (("__module__", "__class__"), ("module_path", "function")):
            found = _name(node.get(module), node.get(name))
            if found:
                schema.globals.add(found)
        version = node.get("_sklearn_version")
        text = str(version.get("content", "")).strip('"') if isinstance(version, dict) else ""
        if re.fullmatch(r"[0-9][0-9A-Za-z.+]{0,63}", text):
            schema.sklearn_version = schema.sklearn_version or text
    return schema


def _nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object, outer ones first, with no recursion."""
    waiting = [document]
    for value in waiting:
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _name(module: Any, name: Any) -> str:
    if not isinstance(module, str) or not isinstance(name, str):
        return ""
    text = f"{module}.{name}"
    return text if text.isprintable() and len(text) <= _MAX_NAME else ""


def _check_entries(path: Path) -> None:
    """Refuse an archive of very many entries, whose directory alone would fill the memory."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size_bytes - _END_SIZE - _LONGEST_COMMENT), os.SEEK_SET)
        end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < _END_SIZE:
        raise zipfile.BadZipFile
    entries, directory_bytes = struct.unpack_from("<HI", end, at + 10)
    if entries == _ZIP64 or directory_bytes > _MAX_ENTRIES * 100:
        raise UndescribedError("it has more entries than any model")
