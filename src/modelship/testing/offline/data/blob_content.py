"""The content of blobs, as it is received, stored and answered."""

from __future__ import annotations

import base64
import hashlib
import os
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from werkzeug.http import parse_range_header
from werkzeug.wrappers import Response

from modelship.testing.offline.data.account import StorageRefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.wrappers import Request

__all__ = ["PIECE_BYTES", "no_such_blob", "opened", "properties", "read", "receive"]

PIECE_BYTES: Final = 1 << 20
"""How many bytes are read or written at once."""


def receive(request: Request, draft: Path) -> str:
    """Stream the body into a file, and return its MD5 digest as the header field has it."""
    digest = hashlib.md5(usedforsecurity=False)
    with draft.open("wb") as file:
        while piece := request.stream.read(PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
    found = base64.b64encode(digest.digest()).decode()
    if request.headers.get("Content-MD5", found) != found:
        message = "The MD5 value specified in the request did not match with the one calculated."
        raise StorageRefusalError(400, "Md5Mismatch", message)
    return found


def opened(place: Path) -> BinaryIO:
    """Open a blob: what is read of it stays the same while others replace or delete it."""
    try:
        return place.open("rb")
    except FileNotFoundError:
        raise no_such_blob() from None


def properties(file: Path | BinaryIO) -> dict[str, str]:
    """Return the header fields with the properties of a blob."""
    status = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    return {
        "ETag": f'"0x{status.st_mtime_ns:X}{status.st_size:X}"',
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
    }


def read(request: Request, content: BinaryIO, fields: Mapping[str, str]) -> Response:
    """Return the content of an open blob, or the part of it that is wanted."""
    headers, size = {**properties(content), **fields}, os.fstat(content.fileno()).st_size
    if request.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
        message = "The condition specified using HTTP conditional header(s) is not met."
        raise StorageRefusalError(412, "ConditionNotMet", message)
    wanted = request.headers.get("x-ms-range") or request.headers.get("Range")
    start, end, status = 0, size, 200
    if wanted:
        start, end = _bounds(wanted, size)
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    content.seek(start)
    answer = Response(_pieces(content, end - start), status=status, headers=headers)
    answer.mimetype = "application/octet-stream"
    return answer


def no_such_blob() -> StorageRefusalError:
    """Return the refusal of a request for a blob that does not exist."""
    return StorageRefusalError(404, "BlobNotFound", "The specified blob does not exist.")


def _bounds(header: str, size: int) -> tuple[int, int]:
    """Return the first byte of a range and the one after its last."""
    parsed = parse_range_header(header)
    bounds = parsed.range_for_length(size) if parsed else None
    if bounds is None:
        message = "The range specified is invalid for the current size of the resource."
        raise StorageRefusalError(416, "InvalidRange", message)
    return bounds


def _pieces(content: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (piece := content.read(min(size, PIECE_BYTES))):
        size -= len(piece)
        yield piece
