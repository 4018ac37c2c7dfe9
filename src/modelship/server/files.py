"""The files that settings name: what cannot be used is said once, at the start."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from .arguments import refuse
from .keys import Keys

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["check_files"]


def check_files(settings: Settings) -> None:
    """End the process with exit code 1 if the keys or the certificate cannot be used."""
    _check_keys(settings.keys_file)
    if settings.certificate:
        _check_certificate(settings.certificate, settings.private_key)
    elif settings.private_key:
        refuse("MODELSHIP_TLS_KEY is given without MODELSHIP_TLS_CERTIFICATE; give both.")


def _check_keys(file: str) -> None:
    try:
        Keys(file)
    except OSError as error:
        refuse(f"MODELSHIP_KEYS_FILE is {file!r}, which cannot be read: {error.strerror}.")
    except ValueError:
        refuse(
            f"MODELSHIP_KEYS_FILE is {file!r}, which does not hold keys; it has to be JSON such as "
            '{"primary": "...", "secondary": "..."}.'
        )


def _check_certificate(certificate: str, key: str) -> None:
    files = {"MODELSHIP_TLS_CERTIFICATE": certificate, "MODELSHIP_TLS_KEY": key or certificate}
    for variable, file in files.items():
        if not os.access(file, os.R_OK):
            refuse(f"{variable} is {file!r}, which cannot be read; it has to be a PEM file.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key or None, password="")
    except (OSError, ValueError) as error:
        refuse(
            f"The certificate {certificate!r} and the key {key or certificate!r} do not work "
            f"together ({getattr(error, 'reason', None) or error}); they have to be PEM, and the "
            "key without a passphrase."
        )
