"""Read zip archives: skops files, NumPy's .npz, torch's and Keras's files, packed pickles."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, cast

from modelship.sources._content import NO_KERAS, UNKNOWN, read_content
from modelship.sources._inert import read_pickle
from modelship.sources._pickled import FOLLOWS
from modelship.sources._stream import ByteStream, MalformedError, ReadingError, UndescribedError
from modelship.sources._values import Findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from modelship.sources._budget import Budget

__all__ = ["ZIP", "check_directory", "json_objects", "read_archive"]

ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
# The end record of a zip archive's directory (PKWARE's APPNOTE, 4.3.14 to 4.3.16), which may be
# followed by a comment, and the field with the size of the directory.
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES, _LOCATOR64_BYTES = 22, 56, 20
_LONGEST_COMMENT: Final = 65_535
_IN_END64: Final = 0xFFFFFFFF
_MAX_DIRECTORY_BYTES: Final = 16 * 2**20
_MAX_ENTRIES: Final = 100_000
_MAX_CONFIG_BYTES: Final = 16 * 2**20
# LZMA allocates as much memory as a file declares.
_READ_HERE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_CODE: Final = "code/"  # where TorchScript stores its program
_ENCRYPTED: Final = 0x1


def read_archive(path: Path, budget: Budget, *, but: str = "") -> Findings:
    """Read every entry of an archive, except the one named `but`.

    Raises
    ------
    UndescribedError
        If it is not a valid archive, or has too many entries to read.
    """
    findings = Findings()
    try:
        check_directory(path)
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > _MAX_ENTRIES:
                raise UndescribedError("it has too many entries for a model")
            kind = "skops" if but else _kind_of({entry.filename for entry in entries})
            if kind == "torch" and any(f"/{_CODE}" in entry.filename for entry in entries):
                findings.leave("it is TorchScript, a program that is not read here")
            for entry in entries:
                if entry.filename != but:
                    found = _read_entry(archive, entry, kind, budget)
                    findings.add(found, within=entry.filename)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise UndescribedError(f"it is not a complete zip archive ({error})") from None
    return findings


def _kind_of(names: set[str]) -> str:
    """Return the library of an archive with these entries: ``"torch"``, ``"keras"`` or ``""``."""
    tops = {name.partition("/")[0] for name in names}
    if (
        len(tops) == 1
        and {f"{top}/{name}" for top in tops for name in ("data.pkl", "version")} <= names
    ):
        return "torch"
    return "keras" if {"config.json", "metadata.json"} <= names else ""


def _read_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, kind: str, budget: Budget
) -> Findings:
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _READ_HERE:
        return Findings().leave("its compression is not supported")

    with ExitStack() as opened:

        def open_() -> ByteStream:
            try:
                file = cast("BinaryIO", opened.enter_context(archive.open(entry)))
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
                raise MalformedError(str(error)) from None
            return ByteStream(file, budget=budget, compression="zip")

        return _read_as(kind, entry.filename, open_)


def _read_as(kind: str, name: str, open_: Callable[[], ByteStream]) -> Findings:
    """Read an entry of an archive of this `kind`."""
    inside = name.partition("/")[2]
    if kind == "torch" and inside == "data.pkl":
        return _torch_pickle(open_)
    if kind == "keras" and name == "config.json":
        return _keras_config(open_)
    findings = read_content(open_).findings
    if kind == "keras" and name.endswith(".h5"):
        for reason in (UNKNOWN, NO_KERAS):
            findings.incomplete.pop(reason, None)
    is_raw = (kind == "torch" and inside.startswith("data/")) or (
        kind == "skops" and name.endswith((".npz", ".bin"))
    )
    if is_raw and not findings.names:
        # Bytes of tensors, sparse matrices (load_npz of SciPy) and boosters, which are read as
        # such. They may start like any other format by coincidence: one tensor of 256 starts like a
        # zlib stream.
        findings.incomplete.clear()
    return findings


def _torch_pickle(open_: Callable[[], ByteStream]) -> Findings:
    findings = Findings()
    with findings.reading("it is not a complete pickle"):
        stream = open_()
        read_pickle(stream, findings, arrays=False, persistent=True)
        if stream.has_more:
            findings.leave(FOLLOWS)
    return findings


def _keras_config(open_: Callable[[], ByteStream]) -> Findings:
    """Search the configuration of a Keras model for imports and for code."""
    findings = Findings()
    try:
        document = json.loads(open_().peek(_MAX_CONFIG_BYTES))
    except (ReadingError, ValueError, RecursionError):
        return findings.leave("its description cannot be read")
    for node in json_objects(document):
        if node.get("class_name") in ("Lambda", "__lambda__"):
            findings.hazard("it has a Lambda layer, whose code is in the file")
        module = node.get("module")
        if isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins", ""):
            findings.hazard(f"Keras would import {module!r} to load it")
        if node.get("class_name") == "function":
            findings.hazard("Keras would look up a function to load it")
    return findings


def json_objects(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object, outer ones first, without recursion."""
    waiting = [document]
    for value in waiting:
        if isinstance(value, dict):
            yield value
        inner = value.values() if isinstance(value, dict) else value
        waiting.extend(each for each in inner if isinstance(each, (dict, list)))


def check_directory(path: Path) -> None:
    """Reject an archive whose directory alone would fill the memory: zipfile reads it at once."""
    with path.open("rb") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        begin = max(0, size_bytes - _END_BYTES - _LONGEST_COMMENT)
        file.seek(begin)
        tail = file.read(_END_BYTES + _LONGEST_COMMENT)
        at = tail.rfind(_END)
        if at < 0 or len(tail) - at < _END_BYTES:
            raise zipfile.BadZipFile("its end is missing")
        (directory_bytes,) = struct.unpack_from("<I", tail, at + 12)
        file.seek(max(0, begin + at - _LOCATOR64_BYTES - _END64_BYTES))
        before = file.read(_END64_BYTES + _LOCATOR64_BYTES)
    if before.startswith(_END64) and before[_END64_BYTES:].startswith(_LOCATOR64):
        (directory_bytes,) = struct.unpack_from("<Q", before, 40)
    elif directory_bytes == _IN_END64:
        raise zipfile.BadZipFile("its end is incomplete")
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        raise UndescribedError("it has too many entries for a model")
