"""Check a certificate and its private key without showing either."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final

from modelship.errors import InvalidOptionError

__all__ = ["check_certificate"]

_CERTIFICATE: Final = "a PEM file starting with -----BEGIN CERTIFICATE-----"
_KEY: Final = "a PEM file with a private key that has no passphrase"


def check_certificate(certificate: object, key: object) -> tuple[Path, Path]:
    """Return both paths as absolute paths, if the key belongs to the certificate.

    Raises
    ------
    InvalidOptionError
        If a file is missing, is not PEM, or does not match the other one.
    """
    certificate_path = _checked("ssl_cert_pem_file", certificate, label="CERTIFICATE")
    key_path = _checked("ssl_key_pem_file", key, label="(RSA |EC )?PRIVATE KEY")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty passphrase, so that there is no prompt on the terminal.
        context.load_cert_chain(certificate_path, key_path, password="")
    except (ssl.SSLError, ValueError) as error:
        # The cause may quote the file; the reason is one of OpenSSL's own phrases.
        reason = getattr(error, "reason", None) or "it cannot be read"
        raise InvalidOptionError(
            option="ssl_key_pem_file",
            found=str(key_path),
            expected=f"the private key of the certificate in ssl_cert_pem_file ({reason})",
        ) from None
    return certificate_path, key_path


def _checked(option: str, found: object, *, label: str) -> Path:
    """Return the absolute path of a file with a PEM block of the given label."""
    expected = _CERTIFICATE if label == "CERTIFICATE" else _KEY
    if not isinstance(found, (str, Path)):
        raise InvalidOptionError(option=option, found=found, expected="the path of a PEM file")
    path = Path(found).expanduser().absolute()
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        raise InvalidOptionError(
            option=option, found=str(found), expected="a file that exists"
        ) from None
    except OSError as error:
        raise InvalidOptionError(
            option=option, found=str(found), expected=f"a file that can be read ({error.strerror})"
        ) from None
    labels = re.findall(r"^-----BEGIN ([A-Z ]+)-----\s*$", text, re.MULTILINE)
    fits = any(re.fullmatch(label, each) for each in labels)
    if not fits or "Proc-Type: 4,ENCRYPTED" in text:
        raise InvalidOptionError(option=option, found=str(found), expected=expected)
    if label == "CERTIFICATE" and any("PRIVATE KEY" in each for each in labels):
        # The content of this file is sent and stored as the certificate.
        raise InvalidOptionError(
            option=option, found=str(found), expected="a PEM file without a private key"
        )
    return path
