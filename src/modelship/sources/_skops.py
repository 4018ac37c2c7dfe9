"""What a skops file names: it is a zip archive with a ``schema.json`` that describes the objects.

The format is that of skops.io ("Secure persistence with skops"): each node of the schema has the
module and the class of one object, and the outermost one the version of skops. Estimators keep
scikit-learn's version among their attributes.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._stream import MalformedError, UndescribedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SkopsSchema", "is_skops", "read_skops"]

_SCHEMA: Final = "schema.json"
_MAX_SCHEMA_BYTES: Final = 64 * 2**20
# So many marks of JSON take less than 300 MB when they are read; a vocabulary of 100,000 words
# has 2,300,000.
_MAX_MARKS: Final = 4_000_000
_MARKS: Final = (b",", b":", b"[", b"{")
_MAX_NAME: Final = 256
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+]{0,63}")
# The end of a zip archive's directory (PKWARE's APPNOTE, 4.3.14 to 4.3.16), after which a comment
# may follow, and the directory's size within it.
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES, _LOCATOR64_BYTES = 22, 56, 20
_LONGEST_COMMENT: Final = 65_535
_IN_END64: Final = 0xFFFFFFFF
_MAX_DIRECTORY_BYTES: Final = 16 * 2**20
# LZMA asks for as much memory as a file tells it to.
_READ_HERE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@dataclass
class SkopsSchema:
    """What was found in a schema, and the size that the whole archive unpacks to."""

    globals: set[str] = field(default_factory=set)
    sklearn_version: str = ""
    skops_version: str = ""
    unpacked_bytes: int = 0


def is_skops(path: Path) -> bool:
    """Tell whether a file is a zip archive that holds a skops schema.

    Raises
    ------
    UndescribedError
        If the archive has more entries than are looked at.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
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
        with zipfile.ZipFile(path) as archive:
            unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
            if archive.getinfo(_SCHEMA).compress_type not in _READ_HERE:
                raise UndescribedError("its compression is not read here")
            with archive.open(_SCHEMA) as file:
                content = file.read(_MAX_SCHEMA_BYTES + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise MalformedError(f"its schema cannot be unpacked ({error})") from None
    except (zlib.error, ValueError):
        raise MalformedError("its schema cannot be unpacked") from None
    if len(content) > _MAX_SCHEMA_BYTES or sum(map(content.count, _MARKS)) > _MAX_MARKS:
        raise UndescribedError("its schema is larger than any model's")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("its schema is not JSON") from None
    schema = _described(document)
    schema.unpacked_bytes = unpacked_bytes
    return schema


def _described(document: Any) -> SkopsSchema:
    if not isinstance(document, dict):
        raise MalformedError("its schema describes no object")
    schema = SkopsSchema(skops_version=_version(document.get("_skops_version")))
    for node in _nodes(document):
        if name := _name(node.get("__module__"), node.get("__class__")):
            schema.globals.add(name)
        version = node.get("_sklearn_version")
        if isinstance(version, dict) and not schema.sklearn_version:
            schema.sklearn_version = _version(version.get("content"))
    return schema


def _nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object, outer ones first, with no recursion."""
    waiting = [document]
    for value in waiting:
        if isinstance(value, dict):
            yield value
        inner = value.values() if isinstance(value, dict) else value
        waiting.extend(each for each in inner if isinstance(each, (dict, list)))


def _name(module: Any, name: Any) -> str:
    if not isinstance(module, str) or not isinstance(name, str):
        return ""
    text = f"{module}.{name}"
    return text if text.isprintable() and len(text) <= _MAX_NAME else ""


def _version(value: Any) -> str:
    # It goes into messages and commands, so it has to look like a version.
    text = value.strip('"') if isinstance(value, str) else ""
    return text if _VERSION.fullmatch(text) else ""


def _check_directory(path: Path) -> None:
    """Refuse an archive whose directory alone would fill the memory: zipfile reads it whole."""
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        begin = max(0, size_bytes - _END_BYTES - _LONGEST_COMMENT)
        file.seek(begin)
        tail = file.read(_END_BYTES + _LONGEST_COMMENT)
        at = tail.rfind(_END)
        if at < 0 or len(tail) - at < _END_BYTES:
            raise zipfile.BadZipFile
        (directory_bytes,) = struct.unpack_from("<I", tail, at + 12)
        file.seek(max(0, begin + at - _LOCATOR64_BYTES - _END64_BYTES))
        before = file.read(_END64_BYTES + _LOCATOR64_BYTES)
    if before.startswith(_END64) and before[_END64_BYTES:].startswith(_LOCATOR64):
        (directory_bytes,) = struct.unpack_from("<Q", before, 40)
    elif directory_bytes == _IN_END64:
        raise zipfile.BadZipFile
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise UndescribedError("it has more entries than any model")
