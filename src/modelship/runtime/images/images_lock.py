"""Let one process of this machine at a time add or remove the images of services."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from modelship.state_paths import exclusive, exclusive_on_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.progress import Deadline
    from modelship.runtime.images.engine import Engine

__all__ = ["images_held"]

# The name of a service contains no dot, so this does not collide with the lock of a service.
_IMAGES_LOCK: Final = "docker.images"


@contextmanager
def images_held(engine: Engine, *, deadline: Deadline) -> Iterator[None]:
    """Keep other processes of this machine from removing images, also those of other users."""
    with (
        exclusive(_IMAGES_LOCK, timeout_s=deadline.remaining_s),
        exclusive_on_machine(f"{engine.identity()}/images", timeout_s=deadline.remaining_s),
    ):
        yield
