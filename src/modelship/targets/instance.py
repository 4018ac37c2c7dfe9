"""Define Instance: the record of one running copy of a release."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from modelship.bundle.profile import SERVICE_NAME
from modelship.documents import DocumentError, parse, record, text
from modelship.targets.release import ReleaseRecord, release_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.targets.release import Release

__all__ = ["MOST_RECORD_BYTES", "Instance", "serving_first"]

MOST_RECORD_BYTES: Final = 4 * 2**20
"""How large the record of an instance may be."""

_URI: Final = text(pattern=r"(https?://\S{1,2000})?", said="an address")
_SCHEMA: Final = record(
    {
        "instance_id": text(pattern=r"[a-z0-9][a-z0-9-]{0,99}", said="letters, digits, dashes"),
        "name": text(pattern=SERVICE_NAME.pattern, said="the name of a service"),
        "created_at": text(most=100),
        "release": release_record,
        "scoring_uri": _URI,
        "own_uri": _URI,
    }
)
# What only the place that runs it knows, and its record does not say.
_OBSERVED: Final = ("routed", "broken")


@dataclass(frozen=True)
class Instance:
    """The record of one running copy of a release; kept by the place that runs it.

    Parameters
    ----------
    instance_id : str
        Unique for each start; letters, digits and dashes.
    name : str
        The service's name. While one release replaces another, two instances share it.
    created_at : str
        ISO 8601, UTC.
    release : ReleaseRecord
        What it runs, and how.
    scoring_uri : str
        Where requests to the name go; empty until it is known.
    own_uri : str
        Where this instance alone answers; empty if that is the `scoring_uri`.
    routed : bool
        Whether requests to the name come to it; not so while it has yet to prove itself.
    broken : str
        Why the record cannot be used, if so; then only `instance_id` and `name` say something.
    """

    instance_id: str
    name: str
    created_at: str
    release: ReleaseRecord = field(default_factory=ReleaseRecord)
    scoring_uri: str = ""
    own_uri: str = ""
    routed: bool = True
    broken: str = ""

    @classmethod
    def draft(cls, release: Release, *, name: str) -> Instance:
        """Return the record of an instance that is about to be started."""
        return cls(
            instance_id=f"{name}-{secrets.token_hex(4)}",
            name=name,
            created_at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            release=release.record(),
        )

    @property
    def digest(self) -> str:
        """The digest of its bundle, hex sha256."""
        return self.release.bundle

    @property
    def direct_uri(self) -> str:
        """Where it answers whether or not requests to the name come to it."""
        return self.own_uri or self.scoring_uri

    def at(self, scoring_uri: str, *, own_uri: str = "") -> Instance:
        """Return the same record with where it answers."""
        return replace(self, scoring_uri=scoring_uri, own_uri=own_uri)

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        fields = {name: value for name, value in vars(self).items() if name not in _OBSERVED}
        return json.dumps({**fields, "release": self.release.to_document()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Instance:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If it is not such a record; the text is a clause that says why.
        """
        found = _SCHEMA(parse(text), "")
        if not found["instance_id"].startswith(f"{found['name']}-"):
            raise DocumentError("its instance_id does not begin with its name")
        return cls(**found)

    @classmethod
    def unreadable(cls, instance_id: str, problem: str) -> Instance:
        """Return the record of an instance whose own record cannot be used, so that it is seen.

        It is named after the name in `instance_id`, or after all of that if it holds none.
        """
        name, _, unique = instance_id.rpartition("-")
        is_ours = SERVICE_NAME.fullmatch(name) and unique
        return cls(
            instance_id=instance_id,
            name=name if is_ours else instance_id,
            created_at="",
            broken=problem,
        )


def serving_first(instances: Iterable[Instance]) -> list[Instance]:
    """Return instances of one name: those that its address leads to first, then the newest."""
    return sorted(instances, key=lambda each: (each.routed, each.created_at), reverse=True)
