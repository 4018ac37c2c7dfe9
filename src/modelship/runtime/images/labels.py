"""Define the labels of images and containers, which hold all of modelship's state."""

from __future__ import annotations

__all__ = [
    "BUILD",
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
"""Another one for each build; what an interrupted one leaves is known by it."""

GATE = "io.modelship.gate"
"""On the container of a service, the folder of this machine in which its gate is."""

HISTORY = "io.modelship.history"
"""On the image of a history, its changes as a JSON document, compressed, in base64."""

HISTORY_ENDED = "io.modelship.history-ended"
"""On the image of the history of a name that serves nothing, since when."""

HISTORY_OF = "io.modelship.history-of"
"""On the image of a history, whose it is: the target's name, a slash, and the service's."""

MODEL_IMAGE = "io.modelship.model-image"
"""On a service image, the name of the model image below it."""

PACKAGE = "io.modelship.package"
"""On what is built of a package, which workspace made it."""

RECORD = "io.modelship.record"
"""On the container of a service, its record as JSON; no container of a build has it."""

SERVICE_IMAGE = "io.modelship.service-image"
"""On the container of a service, the name of its image; two names may be one image."""

TARGET = "io.modelship.target"
"""On the container of a service, the name of the target."""
