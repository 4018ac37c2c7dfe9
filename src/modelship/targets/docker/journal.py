"""Store the history of a name in the engine, where all its users can read it.

It is in a label of an empty volume, ``modelship-history.<target>.<name>.<number>``: it has no
files, and it outlives containers and images. A writer creates the volume with the next number,
which succeeds for one of several, and then removes the older ones; the newest one counts. An engine
creates a volume in milliseconds.

Until November 2026 it was in a label of an empty image, ``modelship/history:<target>.<name>``. That
is read while there is no volume, and removed once there is one.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Volume
    from modelship.targets.history import Change

__all__ = ["EngineJournal"]

_MOST_OVER: Final = 20
_MOST_TRIES: Final = 1000
_MOST_MARKS: Final = 50
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
        place = f"{_NO_LETTER_OF_A_NAME.sub('-', target)}.{name}"
        self._volume = f"modelship-history.{place}."
        self._image = f"modelship/history:{place}"

    def changes(self) -> Sequence[Change]:
        with connected() as engine:
            return self._read(engine, self._volumes(engine))

    def write(self, *changes: Change) -> None:
        self._store(lambda before: kept_changes(before, changes))

    def begin(self, change: Change, *others: Change) -> Change:
        def added(before: Sequence[Change]) -> Sequence[Change]:
            nonlocal change
            change = change.after((*before, *others))
            return kept_changes(before, (*others, change))

        self._store(added)
        return change

    def remove_unreadable(self) -> Sequence[str]:
        removed = []
        with connected() as engine:
            for store in self._stores(engine, self._volumes(engine)):
                with suppress(ValueError, TypeError):
                    store.changes()
                    break
                store.remove(store.name)
                removed.append(str(store))
        return removed

    def _store(self, changed: Callable[[Sequence[Change]], Sequence[Change]]) -> None:
        with connected() as engine:
            found, kept = self._added(engine, changed)
            # In this order: a volume is removed after those before it, see _is_next().
            for number in sorted(found):
                engine.remove_volume(found[number].name)
            if not found:
                engine.remove_image(self._image)
            if serves_nothing(kept):
                _forget_old(engine)

    def _added(
        self, engine: Engine, changed: Callable[[Sequence[Change]], Sequence[Change]]
    ) -> tuple[Mapping[int, Volume], Sequence[Change]]:
        """Add the volume that follows the newest one; return those before it, and its changes."""
        name = ""
        for _ in range(_MOST_TRIES):  # until no writer on another machine is faster
            found = self._volumes(engine)
            newest = max(found, default=0)
            kept = changed(self._read(engine, found))
            name, mark = f"{self._volume}{newest + 1}", secrets.token_hex(8)
            marks = [*_marks_of(found)[1 - _MOST_MARKS :], mark]
            if engine.claim_volume(name, labels=self._labels(kept, marks)):
                # Another writer that has read it, and is ready before this one, keeps its mark.
                if self._is_next(engine, newest) or mark in _marks_of(self._volumes(engine)):
                    return found, kept
                engine.remove_volume(name)
            elif (other := engine.volume(name)) and labels.HISTORY_OF not in other.labels:
                engine.remove_volume(name)  # the engine was killed while it created it
        raise StorageError(
            path=f"the volume {name}",
            cause="others have changed it each time",
            advice=f"Run: docker volume inspect {name}. If it is not a history, remove it.",
        )

    def _is_next(self, engine: Engine, newest: int) -> bool:
        """Return whether the volume after `newest` has never had another writer.

        If it had one, and is already removed, so is the one before it.
        """
        if newest:
            return engine.volume(f"{self._volume}{newest}") is not None
        return max(self._volumes(engine), default=1) == 1

    def _volumes(self, engine: Engine) -> dict[int, Volume]:
        """Return the volumes of this history by their numbers; one, unless a writer was killed."""
        found = engine.volumes(f"{labels.HISTORY_OF}={self._of}")
        numbers = ((each, each.name.removeprefix(self._volume)) for each in found)
        return {int(number): each for each, number in numbers if number.isdecimal()}

    def _labels(self, kept: Sequence[Change], marks: Sequence[str]) -> Mapping[str, str]:
        return {
            labels.HISTORY: packed(to_text(kept)),
            labels.HISTORY_OF: self._of,
            labels.HISTORY_WRITTEN: ",".join(marks),  # two may write the same
            **({labels.HISTORY_ENDED: kept[-1].ended_at} if serves_nothing(kept) else {}),
        }

    def _read(self, engine: Engine, volumes: Mapping[int, Volume]) -> Sequence[Change]:
        stores = self._stores(engine, volumes)
        if (newest := next(stores, None)) is None:
            return []
        try:
            return newest.changes()
        except (ValueError, TypeError) as error:
            older = next(stores, None)
            then = f"its older history, {older}, is read" if older else "a new history is started"
            raise StorageError(
                path=str(newest),
                cause=f"it is not a history ({error})",
                advice=f"Run: {newest.removal}. The service is not affected, and {then}.",
            ) from error

    def _stores(self, engine: Engine, volumes: Mapping[int, Volume]) -> Iterator[_Store]:
        """Yield what may have the history, the newest first, which counts."""
        for number in sorted(volumes, reverse=True):
            name, found = volumes[number].name, volumes[number].labels
            yield _Store("volume", name, found, engine.remove_volume)
        if image := engine.image(self._image):
            yield _Store("image", self._image, image.labels, engine.remove_image)


@dataclass(frozen=True)
class _Store:
    """A volume or an image whose label has a history."""

    kind: str
    name: str
    found: Mapping[str, str]
    remove: Callable[[str], None]

    def changes(self) -> Sequence[Change]:
        """Parse the label; raise ValueError or TypeError if it is invalid."""
        return changes_from(unpacked(self.found.get(labels.HISTORY, "")))

    @property
    def removal(self) -> str:
        """The command that removes it."""
        return f"docker {self.kind} rm {self.name}"

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"


def _marks_of(volumes: Mapping[int, Volume]) -> list[str]:
    """Return the marks of the last writers of a history, the newest at the end."""
    found = volumes[max(volumes)].labels if volumes else {}
    return found.get(labels.HISTORY_WRITTEN, "").split(",")


def _forget_old(engine: Engine) -> None:
    """Remove the histories of the names that have served nothing for the longest time."""
    ended = engine.volumes(labels.HISTORY_ENDED)
    ended.sort(key=lambda volume: volume.labels[labels.HISTORY_ENDED], reverse=True)
    for newest in ended[_MOST_OVER:]:
        # A killed writer may have left an older one, which must not become the newest.
        for volume in engine.volumes(f"{labels.HISTORY_OF}={newest.labels[labels.HISTORY_OF]}"):
            if volume.name != newest.name:
                engine.remove_volume(volume.name)
        engine.remove_volume(newest.name)
