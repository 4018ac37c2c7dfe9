"""A throw-away certificate authority, which only those trust who read its bundle file."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path

from modelship.errors import MissingExtraError

__all__ = ["Authority"]

_USERS_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Authority:
    """Vouches for any host, to whoever trusts the file :attr:`bundle_path`.

    Its private key is made anew each time and never written down, so that nobody can use it when
    this process has ended. The file keeps its path: a shell that points to it goes on working
    after a restart.

    Parameters
    ----------
    folder : Path
        Where the bundle file is written; made if it is not there.

    Raises
    ------
    MissingExtraError
        If the extra ``offline`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import trustme
        except ImportError as error:
            raise MissingExtraError(purpose="The offline workspace", extra="offline") from error
        self._ca = trustme.CA(organization_name="modelship offline workspace")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.bundle_path = folder / "ca-bundle.pem"
        """The roots that this process trusts, and this authority beside them; PEM."""
        self._write_bundle()

    def context(self, host: str) -> ssl.SSLContext:
        """Return what a server needs to speak TLS as `host`; the same object each time.

        To a client that asks for another name (server name indication, RFC 6066) the server
        speaks as that one, so that one server can stand for many hosts.

        Parameters
        ----------
        host : str
            A name such as ``"management.azure.com"``, or an address such as ``"127.0.0.1"``.

        Raises
        ------
        ValueError
            If there can be no host of this name.
        """
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._ca.issue_cert(host).configure_cert(context)
                context.sni_callback = self._speak_as
                self._contexts[host] = context
            return self._contexts[host]

    def _speak_as(
        self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        try:
            if name is not None:
                connection.context = self.context(name)
        except ValueError:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    def _write_bundle(self) -> None:
        own = self._ca.cert_pem.bytes()
        draft = self.bundle_path.with_suffix(".new")
        draft.write_bytes(self._roots().read_bytes() + b"\n" + own)
        draft.replace(self.bundle_path)

    def _roots(self) -> Path:
        """Return the file with the roots that this process trusts already."""
        import certifi

        for name in _USERS_BUNDLES:
            users = Path(os.environ.get(name) or self.bundle_path)
            if users.is_file() and users.resolve() != self.bundle_path.resolve():
                return users  # such as a company's; or that of another offline workspace
        return Path(certifi.where())
