"""Define Instance: the record of one running copy of a release."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from modelship.bundle.profile import SERVICE_NAME
from modelship.documents import DocumentError, parse, record, text
from modelship.errors import InvalidNameError
from modelship.targets.release import ReleaseRecord, release_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelship.targets.release import Release

__all__ = ["MOST_RECORD_BYTES", "Instance", "check_service_name", "serving_first"]

MOST_RECORD_BYTES: Final = 4 * 2**20
"""The maximum size of the record of an instance."""

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
# Known only to the place that runs it, and not part of its record.
_OBSERVED: Final = ("routed", "broken", "lost_uri")


@dataclass(frozen=True)
class Instance:
    """The record of one running copy of a release; kept by the place that runs it.

    Parameters
    ----------
    instance_id : str
        Unique for each start; letters, digits and dashes.
    name : str
        The service's name. During a rollout, two instances share it.
    created_at : str
        ISO 8601, UTC.
    release : ReleaseRecord
        The release that it runs.
    scoring_uri : str
        The URI of requests to the name; empty until it is known.
    own_uri : str
        The URI of this instance alone; empty if that is the `scoring_uri`.
    routed : bool
        Whether requests to the name are routed to it; False until it has passed its checks.
    broken : str
        Why the record is invalid, if it is; then only `instance_id` and `name` are meaningful.
    lost_uri : str
        The address of the name, if the instance has lost it, as a container does that is restarted.
        The `scoring_uri` is then its own.
    """

    instance_id: str
    name: str
    created_at: str
    release: ReleaseRecord = field(default_factory=ReleaseRecord)
    scoring_uri: str = ""
    own_uri: str = ""
    routed: bool = True
    broken: str = ""
    lost_uri: str = ""

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
        """The URI at which it answers, whether or not requests to the name are routed to it."""
        return self.own_uri or self.scoring_uri

    def at(self, scoring_uri: str, *, own_uri: str = "") -> Instance:
        """Return the same record with its scoring URI."""
        return replace(self, scoring_uri=scoring_uri, own_uri=own_uri)

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        fields = {name: value for name, value in vars(self).items() if name not in _OBSERVED}
        return json.dumps({**fields, "release": self.release.to_document()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Instance:
        """Parse the result of :meth:`to_json`.

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
        """Return a record for an instance whose own record is invalid, so that it is listed.

        Its name is the one in `instance_id`, or all of `instance_id` if it contains none.
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
    """Return instances of one name: those to which its address leads first, then the newest."""
    return sorted(instances, key=lambda each: (each.routed, each.created_at), reverse=True)


def check_service_name(name: object) -> str:
    """Return `name` if Azure ML would accept it as a service name, on every target.

    Raises
    ------
    InvalidNameError
        Unless it has 3 to 32 characters out of a-z, 0-9 and "-", begins with a
        letter, and ends with a letter or a digit.
    """
    if isinstance(name, str) and SERVICE_NAME.fullmatch(name):
        return name
    raise InvalidNameError(
        name=name,
        kind="service",
        rule="3 to 32 lower-case letters, digits and dashes, beginning with a letter "
        "and not ending with a dash",
    )
