"""Blob storage, the subset that the SDK uses: whole and block uploads, ranges, signatures.

The protocol is that of Azure's Blob service:
https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import threading
import uuid
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.wrappers import Response

from modelship.testing.offline.data.account import NO_SHARES, StorageRefusalError
from modelship.testing.offline.data.blob_content import (
    PIECE_BYTES,
    no_such_blob,
    opened,
    properties,
    read,
    receive,
)
from modelship.testing.offline.data.blob_metadata import BlobMetadata
from modelship.testing.offline.offline_app import Part, answers
from modelship.testing.offline.request_guard import Door

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.wrappers import Request

    from modelship.testing.offline.document_store import Store
    from modelship.testing.offline.offline_context import Context
    from modelship.testing.offline.request_guard import Guard

__all__ = ["CONTAINER", "Blobs", "check_container", "properties", "signed_path", "storage_answers"]

CONTAINER = "/azureml<string(minlength=0):suffix>"
"""The path of a container, as a rule of werkzeug's routing.

All names have the same prefix, so that no other request to the workspace is taken for a blob.
"""

storage_answers = partial(answers, door=Door.STORAGE, refusal=StorageRefusalError)
"""As `answers`, for a call of the storage account."""

_BLOB = f"{CONTAINER}/<path:name>"
_LONGEST_NAME = 1024
_LONGEST_PART = 240  # quoted, as a file name
_BLOCK_ID = re.compile(r"<(?:Latest|Committed|Uncommitted)>([^<]*)<")


class Blobs(Part):
    """The blobs of an offline workspace; a signed address or the account's key grants access.

    Uploads left unfinished by an earlier process are removed.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._drafts = context.store.folder / "uploads"
        self._lock = threading.Lock()
        self._metadata = BlobMetadata(context.store)
        shutil.rmtree(self._drafts, ignore_errors=True)

    @storage_answers("blobs.put", "PUT", _BLOB)
    def _put(self, request: Request, name: str, suffix: str) -> Response:
        place = self._place(name, suffix)
        if request.args.get("comp") == "metadata":
            return self._set_metadata(request, place)
        request.max_content_length = None  # it is written to disk in chunks
        ways: dict[str, Callable[[Request, Path, Path], dict[str, str]]] = {
            "": self._publish,
            "block": self._put_block,
            "blocklist": self._put_list,
            "appendblock": self._append,
        }
        way = ways.get(request.args.get("comp", ""))
        if way is None:
            message = "an offline workspace takes whole blobs, lists of blocks, and appended blocks"
            raise StorageRefusalError(400, "InvalidQueryParameterValue", message)
        self._drafts.mkdir(exist_ok=True)
        draft = self._drafts / f"{uuid.uuid4()}.part"
        try:
            digest = receive(request, draft)
            headers = {"Content-MD5": digest} | way(request, place, draft)
            return Response(status=201, headers=headers)
        finally:
            draft.unlink(missing_ok=True)

    def _set_metadata(self, request: Request, place: Path) -> Response:
        _check_exists(place)
        self._metadata.put(place, request)
        return Response(headers=properties(place))

    def _put_block(self, request: Request, place: Path, draft: Path) -> dict[str, str]:
        blocks = self._blocks(place)
        with self._lock:
            blocks.mkdir(parents=True, exist_ok=True)
            draft.replace(blocks / _block_file(request.args.get("blockid", "")))
        return {}

    def _put_list(self, request: Request, place: Path, draft: Path) -> dict[str, str]:
        wanted = _BLOCK_ID.findall(draft.read_text(encoding="utf-8"))
        blocks = [self._blocks(place) / _block_file(block) for block in wanted]
        try:
            with draft.open("wb") as whole:
                for block in blocks:
                    with block.open("rb") as part:
                        shutil.copyfileobj(part, whole, PIECE_BYTES)
        except FileNotFoundError:  # also if another list of this blob was just committed
            message = "The specified block list is invalid."
            raise StorageRefusalError(400, "InvalidBlockList", message) from None
        headers = self._publish(request, place, draft)
        with self._lock:
            shutil.rmtree(self._blocks(place), ignore_errors=True)
        return headers

    def _append(self, _request: Request, place: Path, draft: Path) -> dict[str, str]:
        with self._lock:
            _check_exists(place)
            offset = place.stat().st_size
            with place.open("ab") as whole, draft.open("rb") as part:
                shutil.copyfileobj(part, whole, PIECE_BYTES)
            return properties(place) | {"x-ms-blob-append-offset": str(offset)}

    def _blocks(self, place: Path) -> Path:
        return self._drafts / hashlib.sha256(str(place).encode()).hexdigest()

    def _publish(self, request: Request, place: Path, draft: Path) -> dict[str, str]:
        """Move a draft into place; an upload that must not overwrite fails here."""
        with self._lock:
            if place.exists() and request.headers.get("If-None-Match") == "*":
                message = "The specified blob already exists."
                raise StorageRefusalError(409, "BlobAlreadyExists", message)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(place)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                message = "another blob's name is a folder of this one's, or this one's of another"
                raise StorageRefusalError(409, "ResourceTypeMismatch", message) from None
            self._metadata.put(place, request)
            return properties(place)

    @storage_answers("blobs.head", "HEAD", _BLOB)
    def _head(self, name: str, suffix: str) -> Response:
        place = self._find(name, suffix)
        with opened(place) as content:
            size = {"Content-Length": str(os.fstat(content.fileno()).st_size)}
            found = properties(content) | self._metadata.fields(place) | size
        return Response(headers=found, mimetype="application/octet-stream")

    @storage_answers("blobs.get", "GET", _BLOB)
    def _get(self, request: Request, name: str, suffix: str) -> Response:
        place = self._find(name, suffix)
        with ExitStack() as stack:
            content = stack.enter_context(opened(place))
            answer = read(request, content, self._metadata.fields(place))
            answer.call_on_close(stack.pop_all().close)
        return answer

    @storage_answers("blobs.delete", "DELETE", _BLOB)
    def _delete(self, name: str, suffix: str) -> Response:
        file = self._find(name, suffix)
        with self._lock:
            file.unlink(missing_ok=True)
            self._metadata.remove(file)
        return Response(status=202)

    def _place(self, name: str, suffix: str) -> Path:
        """Return the path of a blob, existing or not, in an existing container."""
        if not suffix:
            return self._store.blob(_key_of(name))
        check_container(self._store, suffix)
        parts = [quote(part, safe="") for part in name.split("/")]
        if len(name.encode()) > _LONGEST_NAME or max(map(len, parts)) > _LONGEST_PART:
            raise StorageRefusalError(400, "InvalidUri", "The name of the blob is too long.")
        return self._store.blob(name, container=f"azureml{suffix}")

    def _find(self, name: str, suffix: str) -> Path:
        if name.endswith("/"):  # a client looks for a blob that stands for a folder
            raise no_such_blob()
        file = self._place(name, suffix)
        _check_exists(file)
        return file


def signed_path(guard: Guard, key: str, *, permissions: str) -> str:
    """Return the path and query for reading (``"r"``) or writing (``"rw"``) a blob of artifacts.

    The query is a shared access signature: anybody who has it has access.
    """
    path = f"/azureml/{_name_of(key)}"
    return f"{path}?{guard.signed(path, permissions=permissions)}"


def _check_exists(file: Path) -> None:
    if not file.is_file():
        raise no_such_blob()


def _name_of(key: str) -> str:
    """Return a name for the address of a blob.

    The SDK quotes the name that it finds there once more, so a name that needs quoting is encoded
    in another way.
    """
    if quote(key, safe="/") == key:
        return key
    return "~" + base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(name: str) -> str:
    if not name.startswith("~"):
        return name
    try:
        return base64.urlsafe_b64decode(name[1:]).decode()
    except ValueError:
        raise StorageRefusalError(400, "InvalidUri", "The requested URI is not valid.") from None


def _block_file(block_id: str) -> str:
    """Return the file name of a block, whatever its id contains."""
    return hashlib.sha256(block_id.encode("utf-8", "surrogatepass")).hexdigest()


def check_container(store: Store, suffix: str) -> None:
    """Refuse a container that does not exist; the one of artifacts always does."""
    if suffix.startswith("-filestore"):
        raise StorageRefusalError(400, "NotInOfflineWorkspace", NO_SHARES)
    if suffix and not store.container(f"azureml{suffix}").is_dir():
        message = "The specified container does not exist."
        raise StorageRefusalError(404, "ContainerNotFound", message)
