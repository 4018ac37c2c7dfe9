"""Start a container of an image with a server of its own.

It runs as Azure ML runs it: with the user, the command and the writable files of its image. On this
machine its port is published on 127.0.0.1, where it answers without the key of its endpoint.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from modelship.runtime.images import labels
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.engine import connected
from modelship.targets.docker import container as containers
from modelship.targets.http_scoring import answers
from modelship.targets.instance import Instance

if TYPE_CHECKING:
    from modelship.runtime.images.inspection import Container
    from modelship.testing.offline.custom_images import CustomImage

__all__ = ["answers_its_probes", "start_custom"]

_PROBES: Final = "io.modelship.probes"


def start_custom(image: CustomImage, *, name: str, target: str) -> Instance:
    """Start a container, without waiting for it.

    Parameters
    ----------
    image : CustomImage
        What it runs.
    name : str
        The name of the service.
    target : str
        What separates the containers of a workspace from others.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    instance = Instance(f"{name}-{secrets.token_hex(4)}", name, now)
    confined = containers.confinement(image.resources, port=None, mounts=[])
    with connected() as engine:
        engine.create(
            instance.instance_id,
            image=image.reference,
            labels={
                labels.RECORD: instance.to_json(),
                labels.TARGET: target,
                _PROBES: json.dumps(image.probes),
            },
            environment=image.variables,
            host={
                **{limit: confined[limit] for limit in _LIMITS},
                "port_bindings": {f"{image.port}/tcp": ("127.0.0.1", None)},
            },
            port=image.port,
        )
        if image.models:
            files = {path.lstrip("/"): file for path, file in image.models.items()}
            engine.unpack(instance.instance_id, Archive(files))
        engine.start(instance.instance_id, port=None)
        container = engine.container(instance.instance_id)
    return containers.at(instance, container) if container else instance


_LIMITS: Final = ("mem_limit", "memswap_limit", "nano_cpus", "pids_limit", "init", "log_config")


def answers_its_probes(container: Container) -> bool | None:
    """Return whether a container answers all of its probes; None if it has none of its own."""
    probes = container.labels.get(_PROBES)
    if probes is None:
        return None
    uri = containers.uri_of(container)
    return bool(uri) and all(answers(uri, path=each) for each in json.loads(probes))
