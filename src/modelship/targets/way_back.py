"""Restart the stopped release where two instances cannot run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelship.errors import ModelshipError
from modelship.targets.release import Release
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelship.progress import Steps
    from modelship.targets.backend import Prepared, TargetBackend
    from modelship.targets.instance import Instance

__all__ = ["WayBack"]


class WayBack:
    """The data needed to restart a release; prepared before its instance is stopped.

    Parameters
    ----------
    backend : TargetBackend
        The place.
    current : Instance or None
        The instance that is about to be stopped.
    steps : Steps
        Shows the progress, and holds the deadline.
    """

    def __init__(self, backend: TargetBackend, current: Instance | None, *, steps: Steps) -> None:
        self._prepared: Prepared | None = None
        self._problem = "there was no previous release to restart"
        if current is None or current.broken or backend.observe(current).state is State.FAILED:
            return
        kept, digest = backend.releases(current.name), current.release.digest
        try:
            release = Release(kept.bundle(digest), kept.serving(digest), backend.options)
            self._prepared = backend.prepare(release, steps)
        except (ModelshipError, TimeoutError) as error:
            self._problem = _said(error)

    def go(self, start: Callable[[Prepared], None]) -> str:
        """Restart the release, and return the outcome as a sentence."""
        if self._prepared is None:
            return f"The previous release is stopped: {self._problem}."
        try:
            start(self._prepared)
        except (ModelshipError, TimeoutError) as error:
            return f"The previous release cannot be restarted: {_said(error)}."
        return "The previous release was restarted and is serving."


def _said(error: Exception) -> str:
    message = error.message if isinstance(error, ModelshipError) else "the time limit had passed"
    return message.rstrip(".")
