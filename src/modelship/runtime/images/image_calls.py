"""Call the engine's API for images that exist."""

from __future__ import annotations

from typing import Any

from modelship.runtime.images.inspection import Image
from modelship.runtime.images.volume_calls import VolumeCalls

__all__ = ["ImageCalls"]


class ImageCalls(VolumeCalls):
    """The methods of an engine that find, name and remove images."""

    def image(self, reference: str) -> Image | None:
        """Return the image with this name or id, or None."""
        try:
            found = self._api.inspect_image(reference)
        except self._errors.NotFound:
            return None
        return Image.from_inspection(found)

    def has_image(self, label: str) -> bool:
        """Return whether an image has this label."""
        return bool(self._api.images(filters={"label": label}))

    def images(self, label: str) -> list[Image]:
        """Return all images with this label, including those without a name."""
        listed: list[dict[str, Any]] = self._api.images(filters={"label": label})
        return [Image.from_listing(each) for each in listed]

    def every_image(self) -> list[Image]:
        """Return all images, including those without a name that no other image is based on."""
        listed = {each["Id"] for each in self._api.images()}
        found = (self.image(image_id) for image_id in sorted(listed))
        return [each for each in found if each is not None]

    def images_of_containers(self) -> list[Image]:
        """Return the images of all containers, running or not."""
        used = {each["ImageID"] for each in self._api.containers(all=True)}
        # A container that is just being removed may have none any more.
        found = (self.image(image_id) for image_id in sorted(used - {""}))
        return [each for each in found if each is not None]

    def tag(self, reference: str, name: str) -> None:
        """Add a name to an image."""
        repository, _, tag = name.rpartition(":")
        self._api.tag(reference, repository, tag)

    def remove_image(self, reference: str) -> None:
        """Remove an image, unless it is in use."""
        with self._unless_gone_or_used():
            self._api.remove_image(reference)

    def remove_nameless(self, image_id: str) -> bool:
        """Remove an image without a name, unless it is in use; return False if it has a name."""
        if (found := self.image(image_id)) is None:
            return True
        if not found.names:
            self.remove_image(image_id)
        return not found.names
