"""Add one layer of files to an image.

A container that is never started receives the files, and the engine makes it an image. A build does
so too, but with another container and another layer for each line of its Dockerfile. The files keep
the times that they have in their archive, so the same files always result in the same layer.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelship.errors import ImageBuildError
from modelship.runtime.images import labels
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.build_labels import label_of_build
from modelship.runtime.images.dockerfiles import (
    APP_ROOT,
    AS_ROOT,
    COMPLETE,
    DESCRIPTION,
    ENVIRONMENT,
    VENV,
    command,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from modelship.progress import Deadline
    from modelship.runtime.images.engine import Engine

__all__ = [
    "Layer",
    "add_layer",
    "build_on_layer",
    "committed",
    "models_layer",
    "packages_layer",
    "script_layer",
    "server_layer",
    "swept",
]

_NO_COMMAND: Final = (f"{VENV}/bin/python",)  # the engine creates no container without one


@dataclass(frozen=True)
class Layer:
    """What an image has in addition to the one below it, except for the files.

    Parameters
    ----------
    base : str
        The name of the image below.
    environment : Mapping[str, str]
        The environment variables of its containers.
    command : sequence of str
        The command of its containers.
    labels : Mapping[str, str]
        Its labels.
    changes : sequence of str
        Instructions of a Dockerfile that only describe it.
    """

    base: str
    environment: Mapping[str, str]
    command: tuple[str, ...] = _NO_COMMAND
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    changes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The hex sha256 digest of all fields."""
        fields = [self.base, dict(self.environment), self.command, dict(self.labels), self.changes]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def packages_layer(base_image: str) -> Layer:
    """Return the layer of the packages of an environment, before the commands of its build."""
    return Layer(base_image, ENVIRONMENT, changes=(AS_ROOT, *DESCRIPTION))


def server_layer(environment_image: str) -> Layer:
    """Return the layer of modelship's server, before the command of its build."""
    return Layer(environment_image, {}, changes=(AS_ROOT,))


def models_layer(environment_image: str, *, model_dir: str) -> Layer:
    """Return the layer of the models."""
    return Layer(environment_image, {"AZUREML_MODEL_DIR": str(APP_ROOT / model_dir)})


def script_layer(
    model_image: str, *, entry_script: str, module: str, variables: Mapping[str, str]
) -> Layer:
    """Return the layer of the script. It is the last, so that those below serve the next script."""
    return Layer(
        model_image,
        {"AZUREML_ENTRY_SCRIPT": entry_script, **variables},
        tuple(command(entry_script=entry_script, module=module)),
        {labels.MODEL_IMAGE: model_image},
    )


def add_layer(
    engine: Engine, name: str, layer: Layer, files: Iterable[bytes], *, deadline: Deadline
) -> None:
    """Create an image from the one below it and a tar stream; nothing else is left if that fails.

    A process that is killed meanwhile leaves a container, see ``Engine.sweep_forgotten``.

    Raises
    ------
    ImageBuildError
        If the engine cannot unpack the files or create the image.
    """
    label = label_of_build(name)
    layer = replace(layer, changes=(*layer.changes, COMPLETE))
    with swept(engine, f"{labels.BUILD}={label}"):
        committed(engine, name, layer, files, label=label, deadline=deadline)


def build_on_layer(
    engine: Engine,
    name: str,
    layer: Layer,
    files: Iterable[bytes],
    *,
    recipe_on: Callable[[str], str],
    deadline: Deadline,
) -> None:
    """Add a layer of files, and build a Dockerfile on it; nothing else is left if that fails.

    A build that has the files in its context would unpack and hash them once more.

    Raises
    ------
    ImageBuildError
        If the engine cannot unpack the files, or the build fails.
    """
    label = label_of_build(name)
    with swept(engine, f"{labels.BUILD}={label}"):
        image_id = committed(engine, "", layer, files, label=label, deadline=deadline)
        context = Archive({"Dockerfile": recipe_on(image_id).encode()})
        engine.build(context, tag=name, deadline=deadline)


def committed(
    engine: Engine,
    name: str,
    layer: Layer,
    files: Iterable[bytes],
    *,
    label: str,
    deadline: Deadline,
) -> str:
    """Create an image as :func:`add_layer` does, as a part of the build `label`; return its id.

    An empty `name` is none. The caller removes what is left if that fails, with :func:`swept`.
    """
    container = f"{labels.BUILD_PREFIX}{secrets.token_hex(4)}"
    engine.create(
        container,
        image=layer.base,
        labels={**layer.labels, labels.BUILD: label},
        environment=layer.environment,
        host={},
        command=layer.command,
    )
    image_id, problem = "", engine.fill(container, files, deadline=deadline)
    if not problem:
        image_id, problem = engine.commit(
            container, tag=name, changes=layer.changes, deadline=deadline
        )
    if problem:
        what = name or label.rpartition("-")[0]
        raise ImageBuildError(image=what, problem=problem.rstrip(".\n"), build_log="")
    engine.discard(container)
    return image_id


@contextmanager
def swept(engine: Engine, label: str) -> Iterator[None]:
    """Run the body; if it fails or is interrupted, remove what a build with this label left.

    A successful build leaves nothing, and that of another user may be in progress.
    """
    try:
        yield
    except BaseException:
        engine.sweep(label, sparing=labels.RECORD)
        raise
