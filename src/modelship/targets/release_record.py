"""ReleaseRecord: what a target remembers of a release."""

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
    """What a place keeps of a release, and history lists. No secret is in it.

    Parameters
    ----------
    digest : str
        That of the release, hex sha256; empty if it is not known.
    bundle : str
        That of its bundle.
    parts : Mapping[str, str]
        The digest of each part of the bundle, by name.
    options : Mapping[str, str | int | float | bool] or None
        How it is served, by the name of each option; None if that is not known. Secrets are slow
        hashes.
    model : str
        ``<name>:<version>`` of the model; of several, each, and a comma between them.
    input_key : str or None
        The key under which the sample request held its rows.
    input_form : str or None
        What the rows of a request are: ``"records"`` or ``"rows"``; None if that is open.
    task : str
        ``"classification"`` or ``"regression"``: what the service answers; empty if not known.
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
        """Return the names of the parts and options in which `release` is another one."""
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
    """Read what :meth:`ReleaseRecord.to_document` wrote; a schema of :mod:`modelship.documents`."""
    return ReleaseRecord(**_SCHEMA(value, where))
