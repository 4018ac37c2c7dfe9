"""Define ReleaseRecord: the record of a release that a target keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelship.documents import DocumentError, choice, mapping, optional, record, text
from modelship.targets.recorded import differing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.targets.recorded import Scalar
    from modelship.targets.release import Release

__all__ = ["MOST_MODEL_TEXT", "ReleaseRecord", "release_record"]

MOST_MODEL_TEXT: Final = 1000


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
