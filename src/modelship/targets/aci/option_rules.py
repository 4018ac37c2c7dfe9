"""Validate single options of Azure Container Instances; no message shows a key."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from modelship.errors import InvalidOptionError

__all__ = [
    "WORDS",
    "check_certificate",
    "checked_labels",
    "refuse_bad_address",
    "refuse_bad_switch",
    "refuse_bad_word",
]

_HOST_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

# Networks: "Naming rules and restrictions for Azure resources", Microsoft.Network. Keys: "Azure
# Key Vault keys, secrets and certificates overview". Label: the property dnsNameLabel of a
# container group in the REST reference of Container Instances, the first part of the name
# <label>.<region>.azurecontainer.io and therefore a label by RFC 1123 too.
_KEY_OF_SERVICE: Final = (r"[!-~]+", "a str of visible ASCII characters without spaces")
WORDS: Final = {
    "primary_key": _KEY_OF_SERVICE,  # sent in an Authorization header
    "secondary_key": _KEY_OF_SERVICE,
    "location": (r"[a-z][a-z0-9]*", "the short name of an Azure region, such as 'westeurope'"),
    "dns_name_label": (
        r"[a-z][a-z0-9-]{3,61}[a-z0-9]",
        "5 to 63 lower-case letters, digits and dashes, first a letter and last not a dash",
    ),
    "ssl_cname": (
        rf"(?=.{{1,253}}$)({_HOST_LABEL}\.)+{_HOST_LABEL}",
        "the full domain name of the certificate, such as 'digits.example.com'",
    ),
    "vnet_name": (
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}[A-Za-z0-9_]",
        "the name of a network, not its id: 2 to 64 letters, digits, '_', '.' and '-'",
    ),
    "subnet_name": (
        r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?",
        "the name of a subnet, not its id: 1 to 80 letters, digits, '_', '.' and '-'",
    ),
    "cmk_key_name": (
        r"[A-Za-z0-9-]{1,127}",
        "the name of a key in a key vault: 1 to 127 letters, digits and dashes",
    ),
    "cmk_key_version": (r"[A-Za-z0-9]+", "the version of a key in a key vault, one word"),
}
"""Options with a pattern: the pattern, and its description."""


class _NotShown:
    def __repr__(self) -> str:
        return "(not shown)"


_NOT_SHOWN: Final = _NotShown()


def refuse_bad_switch(option: str, found: object) -> None:
    """Refuse a value that is not True, False or None."""
    if found is not None and not isinstance(found, bool):
        raise InvalidOptionError(option=option, found=found, expected="True or False")


def refuse_bad_word(option: str, found: object) -> None:
    """Refuse a value that is not None and does not match its pattern; never show a key."""
    pattern, expected = WORDS[option]
    if found is None or (isinstance(found, str) and re.fullmatch(pattern, found)):
        return
    shown = _NOT_SHOWN if option in {"primary_key", "secondary_key"} else found
    raise InvalidOptionError(option, shown, expected)


def refuse_bad_address(option: str, found: object) -> None:
    """Refuse a value that is not None or the https URL of a host; never show a password."""
    if found is None or (isinstance(found, str) and _is_bare_https(found)):
        return
    secret = isinstance(found, str) and any(mark in found for mark in "@?#")
    expected = "the https address of a key vault, such as 'https://NAME.vault.azure.net'"
    raise InvalidOptionError(option, _NOT_SHOWN if secret else found, expected)


def _is_bare_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
        bare = address.rstrip("/") == f"https://{parts.netloc}"
        return (
            bare
            and re.fullmatch(rf"({_HOST_LABEL}\.)*{_HOST_LABEL}(:\d+)?", parts.netloc) is not None
        )
    except ValueError:  # such as a half-open bracket of an IPv6 address
        return False


def checked_labels(option: str, given: object) -> Mapping[str, str]:
    """Return a read-only copy of a mapping of str to str.

    Raises
    ------
    InvalidOptionError
        If it has another type, or a key is blank.
    """
    expected = "a mapping of str to str"
    if not isinstance(given, Mapping):
        raise InvalidOptionError(option=option, found=given, expected=expected)
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidOptionError(option=option, found={key: value}, expected=expected)
        if not key.strip():
            raise InvalidOptionError(option, {key: value}, "keys that are not blank")
    return MappingProxyType(dict(given))


_CERTIFICATE: Final = "a PEM file starting with -----BEGIN CERTIFICATE-----"
_KEY: Final = "a PEM file with a private key that has no passphrase"


def check_certificate(certificate: object, key: object) -> tuple[Path, Path]:
    """Return both paths as absolute paths, if the key belongs to the certificate.

    Raises
    ------
    InvalidOptionError
        If a file is missing, is not PEM, or does not match the other one.
    """
    certificate_path = _pem("ssl_cert_pem_file", certificate, label="CERTIFICATE")
    key_path = _pem("ssl_key_pem_file", key, label="(RSA |EC )?PRIVATE KEY")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty passphrase, so that there is no prompt on the terminal.
        context.load_cert_chain(certificate_path, key_path, password="")
    except (ssl.SSLError, ValueError) as error:
        # The cause may quote the file; the reason is one of OpenSSL's own phrases.
        reason = getattr(error, "reason", None) or "it cannot be read"
        expected = f"the private key of the certificate in ssl_cert_pem_file ({reason})"
        raise InvalidOptionError("ssl_key_pem_file", str(key_path), expected) from None
    return certificate_path, key_path


def _pem(option: str, found: object, *, label: str) -> Path:
    """Return the absolute path of a file with a PEM block of the given label."""
    expected = _CERTIFICATE if label == "CERTIFICATE" else _KEY
    if not isinstance(found, (str, Path)):
        raise InvalidOptionError(option=option, found=found, expected="the path of a PEM file")
    path = Path(found).expanduser().absolute()
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        raise InvalidOptionError(option, str(found), "a file that exists") from None
    except OSError as error:
        expected = f"a file that can be read ({error.strerror})"
        raise InvalidOptionError(option, str(found), expected) from None
    labels = re.findall(r"^-----BEGIN ([A-Z ]+)-----\s*$", text, re.MULTILINE)
    fits = any(re.fullmatch(label, each) for each in labels)
    if not fits or "Proc-Type: 4,ENCRYPTED" in text:
        raise InvalidOptionError(option=option, found=str(found), expected=expected)
    if label == "CERTIFICATE" and any("PRIVATE KEY" in each for each in labels):
        # The content of this file is sent and stored as the certificate.
        raise InvalidOptionError(option, str(found), "a PEM file without a private key")
    return path
