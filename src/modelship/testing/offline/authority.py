"""A temporary certificate authority, trusted only by clients that load its bundle file."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
import threading
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelship.testing.offline.hosts import AZURE_NAMES, is_azure, is_loopback
from modelship.testing.offline.root_folder import write_roots
from modelship.workspace.private import write_private
from modelship.workspace.way_out import roots_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["Authority"]

_USERS_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
# Where distributions store their trusted roots; a company's may be nowhere else.
_SYSTEMS_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_LIFETIME = timedelta(days=30)
_CLOCKS_DIFFER = timedelta(minutes=5)
_MOST_CONTEXTS = 64


class Authority:
    """Issues certificates for Azure's hosts and this machine; :attr:`bundle_path` is to trust.

    Its certificate is valid for no other hosts (name constraints, RFC 5280, section 4.2.1.10), and
    for 30 days. Its private key is generated each time and never written to disk, so that nobody
    can use it after this process has exited. The path of the file does not change: a shell that
    refers to it keeps working after a restart.

    Parameters
    ----------
    folder : Path
        Where to write the bundle file; created if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _root(self._key)
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.bundle_path = folder / "ca-bundle.pem"
        """The root certificates that this process trusts, and this authority's; PEM.

        :func:`~modelship.workspace.way_out.roots_of` says where the same are as a folder.
        """
        self.own_path = folder / "authority.pem"
        """The root certificate of this authority alone, which a client reads much faster; PEM."""
        own = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        first, *rest = _texts(self._roots())
        write_private(self.bundle_path, "\n".join([first, *rest, own]))
        write_private(self.own_path, own)
        write_roots(
            roots_of(self.bundle_path),
            bundle=self.bundle_path,
            certificates=[*_certificates(first), *rest],
            own=own.strip(),
        )

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS context of a server for `host`; the same object each time.

        If a client requests another name (server name indication, RFC 6066), the server presents a
        certificate for that name, so that one server can stand for many hosts.

        Parameters
        ----------
        host : str
            A name such as ``"management.azure.com"``, or an address such as ``"127.0.0.1"``.

        Raises
        ------
        ValueError
            If it is neither one of Azure's hosts nor this machine.
        """
        host = host.lower().rstrip(".")
        if not (is_azure(host) or is_loopback(host)):
            raise ValueError(host)
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._new_context(host)
            self._contexts.move_to_end(host)
            if len(self._contexts) > _MOST_CONTEXTS:
                self._contexts.popitem(last=False)
            return self._contexts[host]

    def _new_context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _begun(key, "server")
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _load(context, key, certificate)
        context.sni_callback = self._speak_as
        return context

    def _speak_as(
        self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> int | None:
        try:
            if name is not None:
                connection.context = self.context(name)
        except ValueError:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    def _roots(self) -> list[Path]:
        """Return the files with the roots that this process already trusts."""
        import certifi

        named = [Path(os.environ.get(name) or self.bundle_path) for name in _USERS_BUNDLES]
        own = {self.bundle_path.resolve(), self.own_path.resolve()}
        # Such as a company's, or that of another offline workspace; several may name one file.
        users = {each.resolve(): each for each in named if each.is_file()}
        users = {place: each for place, each in users.items() if place not in own}
        system = [Path(each) for each in _SYSTEMS_BUNDLES]
        return list(users.values()) or [Path(certifi.where()), *filter(Path.is_file, system)]


def _texts(files: list[Path]) -> list[str]:
    """Return the contents of the bundle: the first file, and what each further file adds."""
    first, *rest = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    found = set(_certificates(first))
    further = dict.fromkeys(each for text in rest for each in _certificates(text))
    return [first, *(each for each in further if each not in found)]


@lru_cache(maxsize=4)  # the files of a machine are the same for all workspaces of a process
def _certificates(text: str) -> tuple[str, ...]:
    return tuple(_CERTIFICATE.findall(text))


def _root(key: EllipticCurvePrivateKey) -> x509.Certificate:
    names = [*map(x509.DNSName, (*AZURE_NAMES, "localhost"))]
    addresses = [x509.IPAddress(ip_network(each)) for each in ("127.0.0.0/8", "::1/128")]
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    return (
        _begun(key, "authority")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, **usage), critical=True)
        .add_extension(x509.NameConstraints([*names, *addresses], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _begun(key: EllipticCurvePrivateKey, unit: str) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return x509.CertificateBuilder(
        issuer_name=_name("authority"),
        subject_name=_name(unit),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _CLOCKS_DIFFER,
        not_valid_after=now + _LIFETIME,
    )


def _name(unit: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "modelship offline workspace")
    return x509.Name([organization, x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _load(
    context: ssl.SSLContext, key: EllipticCurvePrivateKey, certificate: x509.Certificate
) -> None:
    """Load both into a context, which accepts only files: a temporary one is removed again."""
    pem = serialization.Encoding.PEM
    text = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(pem)
    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        file = Path(folder) / "leaf.pem"
        write_private(file, text.decode())
        context.load_cert_chain(file)
