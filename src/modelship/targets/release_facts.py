"""Load facts about the bundle of a release from where this machine keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.checks.bundle_facts import surroundings_of
from modelship.checks.subject import Subject
from modelship.diagnosis import Surroundings
from modelship.errors import ModelshipError

if TYPE_CHECKING:
    from modelship.targets.kept import KeptReleases

__all__ = ["known_of"]


def known_of(releases: KeptReleases, digest: str) -> Surroundings:
    """Return the facts about a release's bundle; none if it is not kept here."""
    try:
        return surroundings_of(Subject.of(releases.bundle(digest)))
    except (ModelshipError, OSError):  # it is optional, and never blocks
        return Surroundings()
