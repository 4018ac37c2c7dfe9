"""The head of an HTTP request, as bytes: its end, and the credentials in it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["HEAD_END", "fields_of", "holds"]

HEAD_END = b"\r\n\r\n"
"""What the head of a request ends with."""


def holds(head: bytes, secrets: Iterable[bytes], *, field: bytes, kind: bytes) -> bool:
    """Return whether a head is whole and has one of the secrets, in a field that comes once.

    How long that takes tells nothing of the secrets.

    Parameters
    ----------
    head : bytes
        The request line and the header fields.
    secrets : Iterable[bytes]
        Any of which is right.
    field, kind : bytes
        Where it stands, in small letters: ``b"authorization"``, ``b"bearer"``.
    """
    fields, end, _ = head.partition(HEAD_END)
    given = [value for name, value in fields_of(fields) if name == field]
    if not end or len(given) != 1:
        return False
    found, _, secret = given[0].partition(b" ")
    same = [hmac.compare_digest(secret.strip(), each) for each in secrets]
    return found.lower() == kind and any(same)


def fields_of(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name, in small letters, and the value of each header field."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip()
