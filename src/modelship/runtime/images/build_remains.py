"""Remove the containers and images that interrupted builds have left in an engine."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from modelship.runtime.images.build_labels import is_abandoned
from modelship.runtime.images.image_calls import ImageCalls

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BuildRemains"]

_DAY_S: Final = 86_400
_PAUSES_S: Final = (0.0, 0.0, 0.5, 1.0, 2.0)
_STEP: Final = "#(nop)"  # the builder's marker of a step that runs no command


class BuildRemains(ImageCalls):
    """The methods of an engine that remove what builds have left."""

    def sweep(self, label: str, *, sparing: str) -> None:
        """Remove the unnamed images and the containers of builds with a label.

        Images inherit labels; containers with the label `sparing` are kept.
        """
        for pause_s in _PAUSES_S:  # an engine's own container uses an image until it is removed
            time.sleep(pause_s)
            with suppress(self._errors.APIError):
                for container in self.containers(labels=[label]):
                    if sparing not in container.labels:
                        self.discard(container.name)
                # One by one: an engine rejects a prune request while another one is running.
                if not (images := self._nameless(label)):
                    return
                for image in images:
                    self.remove_image(image)

    def sweep_steps(self, label: str) -> None:
        """Remove the remains of builds with a label that another program started.

        For example those of the Docker SDK itself, which keep a container for each step that runs
        no command, and with it the image of that step. Containers that were created to run are
        kept.
        """
        filters: dict[str, Any] = {"label": label, "status": "created"}
        with suppress(self._errors.APIError):
            for container in self._api.containers(all=True, filters=filters):
                if _STEP in container["Command"]:
                    self._api.remove_container(container["Id"], v=True)
            for image in self._nameless(label):
                self.remove_image(image)

    def _nameless(self, label: str) -> list[str]:
        filters = {"dangling": True, "label": label}
        found: list[str] = self._api.images(quiet=True, filters=filters)
        return found

    def sweep_forgotten(self, label: str, *, prefix: str, age_s: int = _DAY_S) -> None:
        """Remove the unnamed images and the containers of builds with a label that nobody runs.

        These are the builds of a process of this machine that has ended, and all that are old.
        """
        with suppress(self._errors.APIError):
            for container in self.forgotten_containers(label, prefix=prefix, age_s=age_s):
                self.discard(container)
            for image_id in self.forgotten_images(label, age_s=age_s):
                self.remove_image(image_id)

    def forgotten_containers(self, label: str, *, prefix: str, age_s: int = _DAY_S) -> list[str]:
        """Return the names of the containers of builds with a label that nobody runs.

        Containers inherit the labels of their images. Those of builds have names with a prefix, and
        were never started.
        """
        unused = {"label": label, "status": "created", "name": f"^/{prefix}"}
        found = self._api.containers(all=True, filters=unused)
        forgotten = _forgotten(found, label, age_s=age_s)
        return [each["Names"][0].removeprefix("/") for each in forgotten]

    def forgotten_images(self, label: str, *, age_s: int = _DAY_S) -> list[str]:
        """Return the ids of the unnamed images of builds that nobody runs.

        Their label is that of no complete image: what a user builds of one has its label, and
        perhaps no name.
        """
        name = label.partition("=")[0]
        # There are few, and an engine reads the others only for the full list.
        nameless = self._api.images(filters={"label": label, "dangling": True})
        old = [each for each in _forgotten(nameless, label, age_s=age_s) if each["Labels"][name]]
        if not old:
            return []
        complete = {each.labels[name] for each in self.images(label) if each.names}
        return [each["Id"] for each in old if each["Labels"][name] not in complete]


def _forgotten(listed: Iterable[dict[str, Any]], label: str, *, age_s: int) -> list[dict[str, Any]]:
    """Return the rows of a listing that are old, or whose build has lost its process."""
    before_s, name = time.time() - age_s, label.partition("=")[0]
    return [
        each
        for each in listed
        if each["Created"] <= before_s or is_abandoned(each["Labels"].get(name, ""))
    ]
