"""Store the history of a name in the engine, where all its users can read it.

It is in a label of an otherwise empty image, ``modelship/history:<target>.<name>``: no container
can be created from it, it uses no disk space, and it survives the removal of containers. A writer
moves the tag to a new image, which the engine does atomically, and removes the image that has lost
the tag. What a killed writer has left is removed when the service ends.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from modelship.errors import StorageError
from modelship.runtime.images import labels
from modelship.runtime.images.archive import Archive
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
    from modelship.runtime.images.inspection import Image
    from modelship.targets.history import Change

__all__ = ["EngineJournal"]

_MOST_OVER: Final = 20
_NO_LETTER_OF_A_TAG: Final = re.compile(r"[^\w.-]", re.ASCII)


class EngineJournal(Journal):
    """Changes in a label of an image.

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
        self._image = f"modelship/history:{_NO_LETTER_OF_A_TAG.sub('-', target)}.{name}"

    def changes(self) -> Sequence[Change]:
        with connected() as engine:
            return self._read(engine.image(self._image))

    def write(self, *changes: Change) -> None:
        with connected() as engine:
            before = engine.image(self._image)
            kept = kept_changes(self._read(before), changes)
            is_over = serves_nothing(kept)
            found = {
                labels.HISTORY: packed(to_text(kept)),
                labels.HISTORY_OF: self._of,
                **({labels.HISTORY_ENDED: kept[-1].ended_at} if is_over else {}),
            }
            engine.load(_archive(self._image, found))
            if is_over:
                _forget_old(engine, self._of)
            elif before is not None:
                engine.remove_nameless(before.image_id)

    def _read(self, image: Image | None) -> Sequence[Change]:
        if image is None:
            return []
        try:
            return changes_from(unpacked(image.labels.get(labels.HISTORY, "")))
        except (ValueError, TypeError) as error:
            raise StorageError(
                path=f"the image {self._image}",
                cause=f"it is not a history ({error})",
                advice=f"Run: docker rmi {self._image}. The service is not affected, and a new "
                "history is started.",
            ) from error


def _forget_old(engine: Engine, history: str) -> None:
    """Remove what a history has left, also when its writer was killed, and the oldest histories.

    The oldest ones of names that serve nothing. An engine reads all its images for each list, so
    this is for the end of a service.
    """
    listed = engine.images(labels.HISTORY_OF)
    for image in listed:
        if not image.names and image.labels[labels.HISTORY_OF] == history:
            engine.remove_image(image.image_id)
    ended = [each for each in listed if each.names and labels.HISTORY_ENDED in each.labels]
    ended.sort(key=lambda image: image.labels[labels.HISTORY_ENDED], reverse=True)
    for image in ended[_MOST_OVER:]:
        engine.remove_image(image.names[0])


def _archive(name: str, found: Mapping[str, str]) -> bytes:
    """Return an empty image in the format of ``docker load``."""
    config = json.dumps(
        {
            "architecture": "amd64",  # required, although nothing runs in it
            "os": "linux",
            "created": datetime.now(timezone.utc).isoformat(),
            "config": {"Labels": dict(found)},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
    ).encode()
    described = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": described, "RepoTags": [name], "Layers": []}]).encode()
    return b"".join(Archive({described: config, "manifest.json": manifest}))
