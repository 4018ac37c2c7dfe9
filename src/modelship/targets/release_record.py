"""Define ReleaseRecord, the record of a release that a target keeps, and that of its options.

The options are recorded flat and without secrets.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import DocumentError, choice, mapping, optional, record, text
from modelship.runtime.variables import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.release import Release

__all__ = [
    "MOST_MODEL_TEXT",
    "ReleaseRecord",
    "Scalar",
    "differing",
    "is_readable",
    "recorded",
    "release_record",
]

Scalar = str | int | float | bool

MOST_MODEL_TEXT: Final = 1000
_LONGEST: Final = 120
_HASHED: Final = "scrypt"
_DIGESTED: Final = "sha256"
_SALT_DIGITS: Final = 16
_HASH_BYTES: Final = 16
_ROUNDS: Final = 2**14  # 30 ms for each guess, and 16 MiB


@dataclass(frozen=True)
class ReleaseRecord:
    """The record of a release in a place and in a history. It contains no secret.

    Parameters
    ----------
    digest : str
        The digest of the release, hex sha256; empty if unknown.
    bundle : str
        The digest of its bundle.
    parts : Mapping[str, str]
        The digest of each part of the bundle, by name.
    options : Mapping[str, str | int | float | bool] or None
        The options of the serving by name; None if unknown. Secrets are slow hashes.
    model : str
        ``<name>:<version>`` of the model; of several models, a list separated by commas.
    input_key : str or None
        The key under which the sample request held its rows.
    input_form : str or None
        The form of the rows of a request: ``"records"`` or ``"rows"``; None if unspecified.
    task : str
        The task of the service, ``"classification"`` or ``"regression"``; empty if unknown.
    tags : Mapping[str, str]
        The bundle's tags.
    description : str
        The bundle's description.
    """

    digest: str = ""
    bundle: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Scalar] | None = None
    model: str = ""
    input_key: str | None = None
    input_form: str | None = None
    task: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    def __post_init__(self) -> None:
        for name in ("parts", "tags", "options"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, MappingProxyType(dict(given)))

    def differences(self, release: Release) -> tuple[str, ...]:
        """Return the names of the parts and options in which `release` differs."""
        parts = [
            name for name, digest in release.bundle.parts.items() if self.parts.get(name) != digest
        ]
        return (*parts, *differing(release.options, self.options))

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            name: dict(value) if isinstance(value, MappingProxyType) else value
            for name, value in vars(self).items()
        }


def _scalar(value: Any, where: str) -> Scalar:
    if isinstance(value, (str, int, float)):
        return value
    raise DocumentError(f"{where} is neither text nor a number")


_DIGEST: Final = text(pattern=r"([0-9a-f]{64})?", said="64 hexadecimal digits")
_SCHEMA: Final = record(
    {
        "digest": _DIGEST,
        "bundle": _DIGEST,
        "parts": mapping(_DIGEST),
        "options": optional(mapping(_scalar)),
        "model": text(most=MOST_MODEL_TEXT),
        "input_key": optional(text()),
        "tags": mapping(text()),
        "description": text(),
    },
    {"input_form": optional(choice("records", "rows")), "task": text()},
)


def release_record(value: Any, where: str) -> ReleaseRecord:
    """Parse the result of :meth:`ReleaseRecord.to_document`, as a schema of documents."""
    return ReleaseRecord(**_SCHEMA(value, where))


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
