"""Read skops files: zip archives with a ``schema.json`` that describes the objects.

The format is that of skops.io ("Secure persistence with skops"): each node of the schema has the
module and the class of one object, and the outermost one has the version of skops. Estimators have
scikit-learn's version in their attributes.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from modelship.sources._archives import check_directory, json_objects, read_archive
from modelship.sources._globals import Judgement, Use, is_class, judge
from modelship.sources._stream import MalformedError, UndescribedError
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from pathlib import Path

    from modelship.sources._parts import Described, Part

__all__ = ["is_skops", "read_document", "read_skops"]

_SCHEMA: Final = "schema.json"
_MAX_SCHEMA_BYTES: Final = 64 * 2**20
# Parsing so many JSON tokens takes less than 300 MB; a vocabulary of 100,000 words has 2,300,000.
_MAX_MARKS: Final = 4_000_000
_MARKS: Final = (b",", b":", b"[", b"{")
# A schema is text, which compresses to about a tenth.
_SCHEMA_OF_ANY: Final = 4 * 2**20
_SCHEMA_PER_BYTE: Final = 100
_MAX_NAME: Final = 256
# Nodes that only look up a name, and those that only create an instance.
_HOLDS: Final = frozenset(("FunctionNode", "TypeNode", "JsonNode", "PartialNode", "CachedNode"))
_MAKES: Final = frozenset(("ObjectNode",))
_CALLED_SAFELY: Final = frozenset(
    ("builtins", "collections", "numpy", "scipy", "sklearn", "quantile_forest", "zoneinfo")
)
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+]{0,63}")
# LZMA allocates as much memory as a file declares.
_READ_HERE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


def is_skops(path: Path) -> bool:
    """Return whether a file is a zip archive with a skops schema.

    Raises
    ------
    UndescribedError
        If the archive has too many entries to read.
    """
    try:
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return False


def read_skops(part: Part) -> Described:
    """Read the schema of a skops file, and its other entries.

    Raises
    ------
    MalformedError
        If it is not a zip archive, or has no schema.
    UndescribedError
        If the archive or the schema is far larger than that of a model.
    """
    if not is_skops(part.path):
        raise MalformedError(f"it is not a zip archive with a {_SCHEMA}")
    document = read_document(part.path)
    findings = _described(document)
    versions = (
        ("scikit-learn", findings.sklearn_version),
        ("skops", _version(document.get("_skops_version"))),
    )
    findings.add(read_archive(part.path, part.budget, but=_SCHEMA))
    with zipfile.ZipFile(part.path) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    return part.described(
        "skops",
        findings,
        libraries=tuple((library, version) for library, version in versions if version),
        unpacked_bytes=unpacked_bytes,
    )


def read_document(path: Path) -> Any:
    """Return the JSON schema of a skops file.

    Raises
    ------
    MalformedError
        If it cannot be unpacked or is not JSON.
    UndescribedError
        If it is far larger than that of a model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_SCHEMA).compress_type not in _READ_HERE:
                raise UndescribedError("its compression is not supported")
            packed_bytes = archive.getinfo(_SCHEMA).compress_size
            most = min(_MAX_SCHEMA_BYTES, _SCHEMA_OF_ANY + _SCHEMA_PER_BYTE * packed_bytes)
            with archive.open(_SCHEMA) as file:
                content = file.read(most + 1)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise MalformedError(f"its schema cannot be unpacked ({error})") from None
    except (zlib.error, ValueError):
        raise MalformedError("its schema cannot be unpacked") from None
    if len(content) > most or sum(map(content.count, _MARKS)) > _MAX_MARKS:
        raise UndescribedError("its schema is larger than the limit for a model")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("its schema is not JSON") from None


def _described(document: Any) -> Findings:
    if not isinstance(document, dict):
        raise MalformedError("its schema describes no object")
    findings = Findings()
    for node in json_objects(document):
        _note(node, findings)
        version = node.get("_sklearn_version")
        if isinstance(version, dict) and not findings.sklearn_version:
            findings.sklearn_version = _version(version.get("content"))
    return findings


def _note(node: dict[str, Any], findings: Findings) -> None:
    """Record the imports for loading one node, and how they are used."""
    module, name, loader = (node.get(f"__{key}__") for key in ("module", "class", "loader"))
    if not isinstance(module, str) or not isinstance(name, str):
        return
    text = f"{module}.{name}"
    if not text.isprintable() or len(text) > _MAX_NAME:
        findings.hazard("it imports a name that cannot be printed")
        return
    if loader == "MethodNode":
        content = node.get("content")
        method = content.get("func") if isinstance(content, dict) else None
        if not isinstance(method, str) or not method.isidentifier() or method.startswith("_"):
            findings.hazard("it looks up an attribute that is not a method")
            return
        findings.named(text).held = True
        text = f"{text}.{method}"
    findings.named(text).add(_use(loader, module, text))


def _use(loader: object, module: str, text: str) -> Use:
    if loader == "OperatorFuncNode":
        return Use.CALL
    looks_up = loader in _HOLDS or loader == "MethodNode"
    if not looks_up and judge(text, Use.MAKE) is not Judgement.KNOWN and not is_class(text):
        return Use.CALL  # of a function
    if loader in _MAKES or module.partition(".")[0] in _CALLED_SAFELY:
        return Use.HOLD if loader in _HOLDS or loader == "MethodNode" else Use.MAKE
    return Use.HOLD if loader in _HOLDS or loader in ("MethodNode", None) else Use.CALL


def _version(value: Any) -> str:
    # It is shown in messages and commands, so it has to look like a version.
    text = value.strip('"') if isinstance(value, str) else ""
    return text if _VERSION.fullmatch(text) else ""
