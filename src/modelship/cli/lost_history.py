"""Say why a service has no history."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelship.targets import Deployment

__all__ = ["why_no_history"]


def why_no_history(deployment: Deployment) -> str:
    """Return why a service has no history, and what can be done without it."""
    from modelship.targets.kept import KeptReleases

    name, digest = deployment.name, deployment.instance.release.digest
    if deployment.instance.broken:
        return f"{name} has no history, and its record is unreadable: {deployment.instance.broken}."
    if not digest:
        return f"{name} has no history: it was not deployed by modelship."
    told = (
        f"{name} has no history: it was removed. The service is not affected, and its next update "
        "starts a new history."
    )
    kept = KeptReleases(deployment.target, name).others(digest)
    paths = "".join(f"\n  {each}" for each in kept)
    return (
        f"{told}\nBundles that it has served, for modelship update {name}:{paths}" if kept else told
    )
