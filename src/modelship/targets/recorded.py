"""Convert options to their recorded form, flat and without secrets, and compare them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelship.runtime.variables import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Scalar", "differing", "is_readable", "recorded"]

Scalar = str | int | float | bool

_LONGEST: Final = 120
_HASHED: Final = "scrypt"
_DIGESTED: Final = "sha256"
_SALT_DIGITS: Final = 16
_HASH_BYTES: Final = 16
_ROUNDS: Final = 2**14  # 30 ms for each guess, and 16 MiB


def recorded(options: Mapping[str, object], *, salt: str) -> dict[str, Scalar]:
    """Return options in their recorded form; those that are None are omitted.

    Parameters
    ----------
    options : Mapping[str, object]
        By name: None, a str, number, bool or Path, a :class:`Secret`, or a value that
        :func:`json.dumps` accepts. A long text is recorded as its sha256 digest, and a secret as a
        slow, salted hash.
    salt : str
        The salt for the hashes of secrets; its first 16 characters are used.
    """
    given = {name: value for name, value in sorted(options.items()) if value is not None}
    return {name: _kept(value, salt=salt) for name, value in given.items()}


def differing(options: Mapping[str, object], kept: Mapping[str, Scalar] | None) -> list[str]:
    """Return the names of the options that differ from the recorded ones, sorted.

    Parameters
    ----------
    options : Mapping[str, object]
        See :func:`recorded`.
    kept : Mapping[str, Scalar] or None
        The recorded options from when the instance was started; None if unknown.
    """
    if kept is None:
        return ["options (not recorded when it was deployed)"]
    names = sorted({*options, *kept})
    return [name for name in names if not _is_kept(options.get(name), kept.get(name))]


def is_readable(*kept: Scalar | None) -> bool:
    """Return whether each of these values is recorded as it is, and not as a hash."""
    hashes = (f"{_HASHED}:", f"{_DIGESTED}:")
    return not any(isinstance(each, str) and each.startswith(hashes) for each in kept)


def _is_kept(value: object, kept: Scalar | None) -> bool:
    if value is None or kept is None:
        return value is kept
    if isinstance(value, Secret):
        kind, _, rest = str(kept).partition(":")
        return kind == _HASHED and _hashed(value, salt=rest.partition(":")[0]) == kept
    now = _kept(value, salt="")
    return now == kept and isinstance(now, bool) == isinstance(kept, bool)


def _kept(value: object, *, salt: str) -> Scalar:
    if isinstance(value, Secret):
        return _hashed(value, salt=salt)
    if isinstance(value, (bool, int, float)):
        return value
    text = str(value) if isinstance(value, (str, Path)) else json.dumps(value, sort_keys=True)
    if len(text) <= _LONGEST:
        return text
    return f"{_DIGESTED}:{hashlib.sha256(text.encode()).hexdigest()}"


def _hashed(secret: Secret, *, salt: str) -> str:
    """Return a hash of a secret; another salt gives another hash.

    The salt is included, and no key of this machine is used, so that another machine can compare
    the value; guessing a weak secret takes 30 ms per try.
    """
    salt = salt[:_SALT_DIGITS]
    value = secret.value.encode()
    hashed = hashlib.scrypt(value, salt=salt.encode(), n=_ROUNDS, r=8, p=1, dklen=_HASH_BYTES)
    return f"{_HASHED}:{salt}:{hashed.hex()}"
