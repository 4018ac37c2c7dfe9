"""Store the history of a name in the engine, where all its users can read it.

It is in a label of an empty volume, ``modelship-history.<target>.<name>.<number>``: it has no
files, and it outlives containers and images. A writer creates the volume with the next number,
which succeeds for one of several, and then removes the older ones; the newest one counts. An engine
creates a volume in milliseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modelship.errors import StorageError
from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.targets.history import (
    Journal,
    changes_from,
    kept_changes,
    packed,
    serves_nothing,
    to_text,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Volume
    from modelship.targets.history import Change

__all__ = ["EngineJournal"]

_MOST_OVER: Final = 20
_NO_LETTER_OF_A_NAME: Final = re.compile(r"[^\w.-]", re.ASCII)


class EngineJournal(Journal):
    """Changes in a label of a volume.

    The histories of the last twenty names that serve nothing are kept too.

    Parameters
    ----------
    target : str
        The namespace that separates a target's services from others on the same engine.
    name : str
        The service's.
    """

    def __init__(self, target: str, name: str) -> None:
        self._of = f"{target}/{name}"
        self._volume = f"modelship-history.{_NO_LETTER_OF_A_NAME.sub('-', target)}.{name}."

    def changes(self) -> Sequence[Change]:
        with connected() as engine:
            return self._read(self._volumes(engine))

    def write(self, *changes: Change) -> None:
        with connected() as engine:
            number = 0
            while True:  # until no writer on another machine is faster
                found = self._volumes(engine)
                number = max(number, *found, 0) + 1
                kept = kept_changes(self._read(found), changes)
                if self._is_newest(engine, number, self._labels(kept)):
                    break
            if serves_nothing(kept):
                _forget_old(engine)

    def _is_newest(self, engine: Engine, number: int, content: Mapping[str, str]) -> bool:
        """Create a volume with this number, and remove the older ones; False if one is newer."""
        if not engine.claim_volume(f"{self._volume}{number}", labels=content):
            return False
        found = self._volumes(engine)
        for other in found:
            if other < number:
                engine.remove_volume(found[other].name)
        return number == max(found, default=number)

    def _volumes(self, engine: Engine) -> dict[int, Volume]:
        """Return the volumes of this history by their numbers; one, unless a writer was killed."""
        found = engine.volumes(f"{labels.HISTORY_OF}={self._of}")
        numbers = ((each, each.name.removeprefix(self._volume)) for each in found)
        return {int(number): each for each, number in numbers if number.isdecimal()}

    def _labels(self, kept: Sequence[Change]) -> Mapping[str, str]:
        return {
            labels.HISTORY: packed(to_text(kept)),
            labels.HISTORY_OF: self._of,
            **({labels.HISTORY_ENDED: kept[-1].ended_at} if serves_nothing(kept) else {}),
        }

    @staticmethod
    def _read(volumes: Mapping[int, Volume]) -> Sequence[Change]:
        if not volumes:
            return []
        newest = volumes[max(volumes)]
        try:
            return changes_from(unpacked(newest.labels.get(labels.HISTORY, "")))
        except (ValueError, TypeError) as error:
            raise StorageError(
                path=f"the volume {newest.name}",
                cause=f"it is not a history ({error})",
                advice=f"Run: docker volume rm {newest.name}. The service is not affected, and a "
                "new history is started.",
            ) from error


def _forget_old(engine: Engine) -> None:
    """Remove the histories of the names that have served nothing for the longest time."""
    ended = engine.volumes(labels.HISTORY_ENDED)
    ended.sort(key=lambda volume: volume.labels[labels.HISTORY_ENDED], reverse=True)
    for volume in ended[_MOST_OVER:]:
        engine.remove_volume(volume.name)
