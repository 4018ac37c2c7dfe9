"""Find service images that no service uses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelship.runtime.images import labels
from modelship.runtime.images.engine import connected
from modelship.runtime.leftovers import Leftover

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Image

__all__ = ["unused_images"]

_OURS: Final = "modelship/"
_SERVICE: Final = "modelship/service:"


def unused_images(engine: Engine, *, before: float) -> Iterator[Leftover]:
    """Yield each image that was built for services, and that no service needs.

    An image is needed if it is below that of a container, or below the image of a service: those
    are removed with the last release available for a rollback. The removal frees the name, and the
    layers that no other image shares.

    Parameters
    ----------
    engine : Engine
        The engine that has the images.
    before : float
        Only images created before this time, in seconds since 1970.
    """
    images = engine.every_image()
    used = engine.images_of_containers()
    used += [each for each in images if any(name.startswith(_SERVICE) for name in each.names)]
    for image in sorted(images, key=lambda each: len(each.layers), reverse=True):
        if not _is_ours(image) or image.created_at >= before:
            continue
        if any(_is_below(image, each) for each in used):
            continue
        name = image.names[0] if image.names else image.image_id
        why = "no service uses it" + ("" if image.names else ", and it has no name")
        remove = partial(_remove, name)
        yield Leftover("image", name, image.size_bytes - _shared(image, images), why, remove)


def _remove(name: str) -> None:
    with connected() as engine:
        engine.remove_image(name)


def _is_ours(image: Image) -> bool:
    """Return whether it was built for services, and not for a package of the offline workspace."""
    if labels.BUILD not in image.labels or labels.PACKAGE in image.labels:
        return False
    return all(name.startswith(_OURS) for name in image.names)


def _is_below(image: Image, other: Image) -> bool:
    return other.layers[: len(image.layers)] == image.layers


def _shared(image: Image, others: Sequence[Image]) -> int:
    """Return the size of the largest other image that an image is based on."""
    below = [
        each.size_bytes
        for each in others
        if len(each.layers) < len(image.layers) and _is_below(each, image)
    ]
    return max(below, default=0)
