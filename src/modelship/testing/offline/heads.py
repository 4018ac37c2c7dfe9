"""Parse the head of an HTTP request, as bytes: its end, and its credentials."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["HEAD_END", "bearer_of", "field_of", "fields_of", "holds", "without_prefix"]

HEAD_END = b"\r\n\r\n"
"""The end of a request's head."""


def holds(head: bytes, secrets: Iterable[bytes], *, field: bytes, kind: bytes) -> bool:
    """Return whether a head is complete and has one of the secrets, in a field that occurs once.

    The comparison takes constant time.

    Parameters
    ----------
    head : bytes
        The request line and the header fields.
    secrets : Iterable[bytes]
        The accepted values.
    field, kind : bytes
        The field and the scheme, in lowercase: ``b"authorization"``, ``b"bearer"``.
    """
    given = field_of(head, field)
    if given is None:
        return False
    found, _, secret = given.partition(b" ")
    same = [hmac.compare_digest(secret.strip(), each) for each in secrets]
    return found.lower() == kind and any(same)


def bearer_of(head: bytes) -> bytes | None:
    """Return the bearer token of a request, or None."""
    kind, _, token = (field_of(head, b"authorization") or b"").partition(b" ")
    return token.strip() if kind.lower() == b"bearer" else None


def field_of(head: bytes, field: bytes) -> bytes | None:
    """Return a header field, or None if the head is truncated or it does not occur once."""
    fields, end, _ = head.partition(HEAD_END)
    given = [value for name, value in fields_of(fields) if name == field]
    return given[0] if end and len(given) == 1 else None


def fields_of(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name, in lowercase, and the value of each header field."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        yield name.lower(), value.strip()


def without_prefix(head: bytes, prefix: bytes) -> bytes:
    """Return a head with `prefix`, such as ``b"/api"``, removed from its path."""
    line, end, rest = head.partition(b"\r\n")
    if not prefix:
        return head
    return line.replace(b" " + prefix + b"/", b" /", 1) + end + rest
