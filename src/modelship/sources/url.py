"""Define UrlSource: a model file at an http or https URL."""

from __future__ import annotations

import re
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from modelship.errors import FetchError, InvalidOptionError
from modelship.sources.source import ModelSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["UrlSource"]

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 30.0
_CHUNK_BYTES: Final = 256 * 1024
_MAX_NAME_BYTES: Final = 200
_FIRST_ERROR_STATUS: Final = 400
_NO_CONTENT: Final = 204


class UrlSource(ModelSource):
    """A file at a URL.

    Redirects are followed. A user name, a password and the query, which contains the signature of a
    signed URL, are sent, but never shown.

    Parameters
    ----------
    url : str
        The URL; the last segment of its path is the name of the file.
    timeout_s : float
        The timeout of the whole transfer, in seconds.

    Raises
    ------
    InvalidOptionError
        If the URL has no host, or no file name in its path.
    """

    def __init__(self, url: str, *, timeout_s: float = 600.0) -> None:
        self._url = url
        self.timeout_s = timeout_s
        self._shown, path = _without_secrets(url)
        last = PurePosixPath(unquote(path)).name
        self._file_name = re.sub(r"[^A-Za-z0-9._+-]+", "-", last)[-_MAX_NAME_BYTES:]
        if self._file_name.strip(".-") == "":
            expected = "http(s)://host/path/to/model.pkl, which ends in a file name"
            raise InvalidOptionError("location", self._shown, expected)

    @classmethod
    def from_uri(cls, uri: str) -> UrlSource:
        """Return the source for the URL."""
        return cls(uri)

    @property
    def location(self) -> str:
        """Scheme, host and path of the URL."""
        return self._shown

    def download(self, folder: Path) -> str:
        import requests
        import urllib3

        deadline = time.monotonic() + self.timeout_s
        # Their messages and tracebacks contain the whole URL; hence "from None".
        try:
            with requests.get(
                self._url,
                stream=True,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                headers={"Accept-Encoding": "identity"},  # the bytes as they are stored
            ) as response:
                self._save(response, folder / self._file_name, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise FetchError(self.location, _cause(error)) from None
        return self._file_name

    def _save(self, response: Any, path: Path, deadline: float) -> None:
        if response.status_code >= _FIRST_ERROR_STATUS or response.status_code == _NO_CONTENT:
            raise FetchError(
                self.location, f"the server answered {response.status_code} {response.reason}"
            )
        received = 0
        with path.open("wb") as file:
            for chunk in _chunks(response.raw):
                received += file.write(chunk)
                if time.monotonic() > deadline:
                    cause = f"only {received} bytes came within {self.timeout_s:g} s"
                    raise FetchError(self.location, cause)
        promised = response.headers.get("Content-Length", "")
        if promised.isdecimal() and int(promised) != received:
            cause = f"the server promised {promised} bytes and sent {received}"
            raise FetchError(self.location, cause)


def _chunks(raw: Any) -> Iterator[bytes]:
    # read1 returns the bytes received so far; read would wait for a full chunk, past any deadline.
    read: Callable[..., bytes] = getattr(raw, "read1", raw.read)
    while chunk := read(_CHUNK_BYTES, decode_content=False):
        yield chunk


def _without_secrets(url: str) -> tuple[str, str]:
    """Return the part of `url` that may be shown, and its path."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise InvalidOptionError("location", "a malformed URL", "http(s)://host/path") from None
    if not parts.hostname:
        raise InvalidOptionError("location", "a URL without a host", "http(s)://host/path")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}", parts.path


def _cause(error: BaseException) -> str:
    """Return the cause without the message of the library, which contains the URL."""
    import requests

    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(error, requests.TooManyRedirects):
        return "the server redirects without end"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate could not be verified"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, TimeoutError):
            return f"nothing came for {READ_TIMEOUT_S:g} s"
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror[0].lower() + inner.strerror[1:]
        inner = inner.__cause__ or inner.__context__
    return f"the connection broke ({type(error).__name__})"
