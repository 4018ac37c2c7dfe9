"""Upload files to a container of Azure's blob storage, and download them.

The SDK's own transfers have no time limit that a caller can set: it tries an unreachable storage
account for 80 s. Here each request has one, and is repeated: a block is written any number of times
with the same result. The protocol is that of Azure's Blob service:
https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree as ET

import requests

from modelship.progress import doing
from modelship.workspace.arm_requests import ArmError, Bearer
from modelship.workspace.asking import quiet
from modelship.workspace.at_once import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["BlobContainer"]

_VERSION: Final = "2021-08-06"
_BLOCK_BYTES: Final = 8 * 2**20
_PIECE_BYTES: Final = 2**20
_MEGABYTE: Final = 10**6
_TRIES: Final = 4
_TIMEOUT_S: Final = (10.0, 60.0)
_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})
_NOT_FOUND: Final = 404


class _Sent:
    """Shows how much of an upload is done.

    Parameters
    ----------
    total : int
        The bytes to send.
    files : int
        The number of files that go up whole: of many small ones, it says more than the bytes.
    say : Callable[[str], None]
        Shows a few words.
    """

    def __init__(self, total: int, files: int, say: Callable[[str], None]) -> None:
        self._total = total
        self._files = files
        self._say = say
        self._done = 0
        self._files_done = 0

    def add(self, size: int) -> None:
        """Count further bytes."""
        self._done += size
        files = f", {self._files_done:,} of {self._files:,} files" if self._files > 1 else ""
        done, total = self._done / _MEGABYTE, self._total / _MEGABYTE
        self._say(f"upload {done:.0f} of {total:.0f} MB{files}")

    def add_file(self, size: int) -> None:
        """Count a file that went up whole."""
        self._files_done += 1
        self.add(size)


@dataclass(frozen=True)
class BlobContainer:
    """A container, or a folder in one, that a signature or a token gives access to.

    Parameters
    ----------
    address : str
        The URL of the container, without a query.
    signature : str
        A shared access signature, without the question mark; empty with a token.
    token : str
        A token for storage; empty with a signature.
    session : requests.Session
        The connections.
    """

    address: str
    signature: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    @classmethod
    def signed(cls, url: str, *, session: requests.Session) -> BlobContainer:
        """Return the container of an address with its signature."""
        parts = urlsplit(url)
        # Storage of an offline workspace has user information in its address, which is not used.
        host = parts.netloc.rpartition("@")[2]
        address = f"{parts.scheme}://{host}{parts.path}".rstrip("/")
        return cls(address, signature=parts.query, session=session)

    # --- uploads --------------------------------------------------------------------------

    def upload(self, source: Path, path: str) -> None:
        """Write a file to `path`, or the files of a folder below it.

        Raises
        ------
        ArmError
            If storage refuses a request.
        requests.RequestException
            If it does not respond.
        OSError
            If a file is unreadable.
        """
        found = [source] if source.is_file() else sorted(source.rglob("*"))
        files = [each for each in found if each.is_file()]
        total = sum(each.stat().st_size for each in files)
        with doing("upload") as say:
            large = [each for each in files if each.stat().st_size > _BLOCK_BYTES]
            small = [each for each in files if each.stat().st_size <= _BLOCK_BYTES]
            sent = _Sent(total, len(small), say)
            for size in at_once(lambda file: self._put(file, _below(file, source, path)), small):
                sent.add_file(size)
            for file in large:
                self._put_in_blocks(file, _below(file, source, path), sent)

    def _put(self, file: Path, path: str) -> int:
        body = file.read_bytes()
        self._send("PUT", path, body=body, headers={"x-ms-blob-type": "BlockBlob"})
        return len(body)

    def _put_in_blocks(self, file: Path, path: str, sent: _Sent) -> None:
        count = -(-file.stat().st_size // _BLOCK_BYTES)
        names = [base64.b64encode(f"{index:08}".encode()).decode() for index in range(count)]
        for size in at_once(lambda each: self._put_block(file, path, *each), enumerate(names)):
            sent.add(size)
        listed = "".join(f"<Latest>{name}</Latest>" for name in names)
        whole = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        self._send("PUT", path, {"comp": "blocklist"}, body=whole.encode())

    def _put_block(self, file: Path, path: str, index: int, name: str) -> int:
        with file.open("rb") as content:
            content.seek(index * _BLOCK_BYTES)
            block = content.read(_BLOCK_BYTES)
        self._send("PUT", path, {"comp": "block", "blockid": name}, body=block)
        return len(block)

    # --- downloads ------------------------------------------------------------------------

    def files(self, path: str) -> Iterator[str]:
        """Yield the names of the blob at `path`, or of the blobs below it."""
        path = path.rstrip("/")
        marker = ""
        while True:
            asked = {"restype": "container", "comp": "list", "prefix": path, "marker": marker}
            reply = self._send("GET", "", asked)
            # Python's parser limits the expansion of entities itself (expat 2.4.1 and later).
            found = ET.fromstring(reply.content)  # noqa: S314 - see above
            names = (each.text or "" for each in found.iterfind("Blobs/Blob/Name"))
            yield from (each for each in names if each == path or each.startswith(f"{path}/"))
            marker = found.findtext("NextMarker") or ""
            if not marker:
                return

    def download(self, path: str, folder: Path) -> None:
        """Write the blob at `path`, or the blobs below it, to an entry of `folder`.

        Raises
        ------
        ArmError
            If there is none, or storage refuses a request.
        requests.RequestException
            If it does not respond.
        """
        path = path.rstrip("/")
        names = list(self.files(path))
        if not names:
            raise ArmError(_NOT_FOUND, {"message": f"storage has no files at {path}"})
        above = path.rpartition("/")[0]
        for name in names:
            target = folder / name[len(above) :].lstrip("/")
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ArmError(502, {"message": f"storage has a file with the name {name}"})
            target.parent.mkdir(parents=True, exist_ok=True)
            self._download_file(name, target)

    def _download_file(self, name: str, target: Path) -> None:
        attempt = 1
        while not self._is_complete(name, target, last=attempt == _TRIES):
            time.sleep(_pause_s(attempt))
            attempt += 1

    def _is_complete(self, name: str, target: Path, *, last: bool) -> bool:
        """Return whether the rest of a file has arrived; raise the failure of the last attempt."""
        try:
            self._download_rest(name, target)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            if last:
                raise
            return False
        except ArmError as error:
            # The connection broke after the last byte, so that nothing is missing.
            return _is_at_end(error, target)
        return True

    def _download_rest(self, name: str, target: Path) -> None:
        """Write what is missing of a file."""
        digest = hashlib.md5(usedforsecurity=False)
        with target.open("a+b") as file:
            start = file.seek(0, os.SEEK_END)
            headers = {"x-ms-range": f"bytes={start}-"} if start else {}
            with self._send("GET", name, headers=headers, stream=True) as reply:
                if reply.status_code != HTTPStatus.PARTIAL_CONTENT:
                    start = file.truncate(0)
                for piece in reply.iter_content(_PIECE_BYTES):
                    file.write(piece)
                    digest.update(piece)
        expected = reply.headers.get("Content-MD5")
        if not start and expected and base64.b64encode(digest.digest()).decode() != expected:
            target.unlink()
            raise ArmError(502, {"message": f"the content of {name} differs from its checksum"})

    # --- requests -------------------------------------------------------------------------

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        url = f"{self.address}/{quote(path)}" if path else self.address
        for attempt in range(1, _TRIES + 1):
            try:
                with quiet():  # at the level DEBUG, urllib3 logs addresses with their signatures
                    reply = self.session.request(
                        method, url, params={**dict(parse_qsl(self.signature)), **(query or {})},
                        data=body, headers={"x-ms-version": _VERSION, **(headers or {})},
                        auth=Bearer(self.token) if self.token else _no_auth,
                        timeout=_TIMEOUT_S, stream=stream, allow_redirects=False,
                    )  # fmt: skip
            except (requests.ConnectionError, requests.Timeout):
                if attempt == _TRIES:
                    raise
            else:
                if reply.ok:
                    return reply
                if attempt == _TRIES or reply.status_code not in _TRANSIENT:
                    raise ArmError(reply.status_code, _error(reply))
            time.sleep(_pause_s(attempt))
        raise AssertionError  # the last attempt returns or raises


def _is_at_end(error: ArmError, target: Path) -> bool:
    if error.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and target.stat().st_size:
        return True
    raise error


def _below(file: Path, source: Path, path: str) -> str:
    """Return the place of a file of `source`, which goes to `path`."""
    return path if file == source else f"{path}/{file.relative_to(source).as_posix()}"


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request  # instead of what a .netrc has


def _pause_s(attempt: int) -> float:
    return float(2 ** (attempt - 2))


def _error(reply: requests.Response) -> dict[str, str]:
    """Return code and message of a reply of storage, which are XML."""
    try:
        found = ET.fromstring(reply.content)  # noqa: S314 - as above
    except ET.ParseError:
        code = reply.headers.get("x-ms-error-code", "")
        return {"code": code, "message": reply.reason or f"status {reply.status_code}"}
    message = (found.findtext("Message") or "").partition("\n")[0]
    return {"code": found.findtext("Code") or "", "message": message}
