"""Define what a container of an image runs, and what it gets in its environment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from modelship.targets.release import Release, Serving

if TYPE_CHECKING:
    from modelship.testing.offline.images import Image

__all__ = ["container_variables", "release_of"]


def release_of(image: Image) -> Release:
    """Return the release that a container of `image` runs."""
    return Release(image.bundle, Serving(limits="aci"))


def container_variables(image: Image, settings: str, front_key: str) -> dict[str, str]:
    """Return the variables of a container whose gunicorn also reads the file `settings`."""
    # The settings come last, so that they override the user's own.
    arguments = f"{image.variables.get('GUNICORN_CMD_ARGS', '')} --config {shlex.quote(settings)}"
    return {
        **image.variables,
        "GUNICORN_CMD_ARGS": arguments.strip(),
        "MODELSHIP_FRONT_KEY": front_key,
    }
