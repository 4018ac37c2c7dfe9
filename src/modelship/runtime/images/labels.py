"""Define the labels of images, containers and volumes, which hold all of modelship's state."""

from __future__ import annotations

__all__ = [
    "BUILD",
    "BUILD_PREFIX",
    "CONTENT",
    "GATE",
    "HISTORY",
    "HISTORY_ENDED",
    "HISTORY_OF",
    "MODEL_IMAGE",
    "PACKAGE",
    "RECORD",
    "SERVICE_IMAGE",
    "TARGET",
]

BUILD = "io.modelship.build"
"""A unique id of each build; it identifies what an interrupted build leaves behind.

It is empty on an image that is complete. Images of users that are based on one inherit it, and are
not taken for the remains of a build.
"""

BUILD_PREFIX = "modelship-build-"
"""How the names of the containers of builds begin; containers inherit the labels of images."""

CONTENT = "io.modelship.content"
"""On a service image, the digest of its content; bundles of the same content share it."""

GATE = "io.modelship.gate"
"""On the container of a service, the folder of its gate on this machine."""

HISTORY = "io.modelship.history"
"""On the volume of a history, its changes as a JSON document, compressed, in base64."""

HISTORY_ENDED = "io.modelship.history-ended"
"""On the volume of the history of a name that serves nothing, the time since then."""

HISTORY_OF = "io.modelship.history-of"
"""On the volume of a history, its owner: the target's name, a slash, and the service's."""

HISTORY_WRITTEN = "io.modelship.history-written"
"""On the volume of a history, a random text of each of the last that wrote it, with commas."""

MODEL_IMAGE = "io.modelship.model-image"
"""On a service image, the name of the model image below it."""

PACKAGE = "io.modelship.package"
"""On the images and containers of a package, the workspace that created them."""

RECORD = "io.modelship.record"
"""On the container of a service, its record as JSON; containers of builds do not have it."""

SERVICE_IMAGE = "io.modelship.service-image"
"""On the container of a service, the name of its image; one image may have two names."""

TARGET = "io.modelship.target"
"""On the container of a service, the name of the target."""
