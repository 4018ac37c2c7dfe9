"""Build the images of a service, each only if it does not exist.

::

    modelship/environment:<key>   the base image + packages   kept as a cache
    modelship/server:<key>        that + modelship's server   kept, and only where it is asked for
    modelship/model:<key>         that + the model            until its last service ends
    modelship/service:<digest>    that + the script           until its last container ends
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from modelship.bundle.layout import MODELS, model_dir
from modelship.bundle.store import stage_models
from modelship.progress import Deadline
from modelship.runtime.images import dockerfiles, labels
from modelship.runtime.images.archive import Archive, below, sent
from modelship.runtime.images.base_image import (
    check_python,
    check_volumes,
    ensure_base,
    machine_of,
    note_on_triggers,
)
from modelship.runtime.images.images_lock import images_held
from modelship.runtime.images.layers import (
    add_layer,
    build_on_layer,
    models_layer,
    packages_layer,
    script_layer,
    server_layer,
)
from modelship.runtime.install import install_packages
from modelship.staging import storing
from modelship.state_paths import cache_folder, exclusive

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from modelship.bundle import Lock, ScoringBundle
    from modelship.progress import Steps
    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Container, Image
    from modelship.runtime.images.layers import Layer
    from modelship.runtime.servers import Server

__all__ = ["environment_image", "remove_images_of", "remove_unused_images", "service_image"]

_APP = str(dockerfiles.APP_ROOT).lstrip("/")
_MODELS = f"{_APP}/{MODELS}"
_VENV = str(dockerfiles.VENV).lstrip("/")

_SERVICE = f"{dockerfiles.SERVICE_REPOSITORY}:"
_REMOVE_TIMEOUT_S = 300.0  # another process may be sending a large model
# The name of a service contains no dot, so this does not collide with the lock of a service.
_ENVIRONMENT_LOCK = "docker.environment"


@contextmanager
def service_image(
    engine: Engine,
    bundle: ScoringBundle,
    *,
    base_image: str | None,
    server: Server,
    steps: Steps,
) -> Iterator[str]:
    """Build the missing ones of the three images, and yield the name of the last.

    No other process of this user removes it while the body runs.

    Raises
    ------
    BaseImageError
        If the base image is missing and cannot be pulled, or is incompatible with the environment.
    ImageBuildError
        If an image cannot be built.
    EnvironmentBuildError
        If the locked packages cannot be fetched.
    """
    lock = bundle.lock
    environment = environment_image(engine, lock, base_image=base_image, steps=steps)
    if server.files:
        environment = _ensure_server(engine, server, lock, environment=environment, steps=steps)
    with images_held(engine, deadline=steps.deadline):
        yield _ensure_service(engine, bundle, environment=environment, server=server, steps=steps)


def remove_unused_images(
    engine: Engine, digest: str, *, ended: Container | None = None, keep: bool = False
) -> None:
    """Remove the service image of a bundle and the model image below it, if they are unused.

    Parameters
    ----------
    engine : Engine
        The engine that has the images.
    digest : str
        The digest of the bundle.
    ended : Container, optional
        The container that was removed before this call. Its image may have lost its name to the
        image of the same bundle on another base image.
    keep : bool
        Whether to keep an image that has a name, for a rollback.
    """
    with suppress(TimeoutError), images_held(engine, deadline=Deadline(_REMOVE_TIMEOUT_S)):
        name = _service_name(digest)
        named = engine.image(name)
        used = engine.image(ended.image_id) if ended else None
        if named and not keep and not engine.containers(labels=[f"{labels.SERVICE_IMAGE}={name}"]):
            engine.remove_image(name)
        _remove_nameless(engine, used)
        if named != used:
            _remove_nameless(engine, named)


def remove_images_of(engine: Engine, digests: Collection[str]) -> None:
    """Remove the images of several bundles, except those in use."""
    for digest in digests:
        if engine.image(_service_name(digest)) is not None:
            remove_unused_images(engine, digest)


def _remove_nameless(engine: Engine, image: Image | None) -> None:
    """Remove a service image without a name, and the model image below it if unused."""
    if image is None or not engine.remove_nameless(image.image_id):
        return
    model = image.labels.get(labels.MODEL_IMAGE)
    if model and not engine.has_image(f"{labels.MODEL_IMAGE}={model}"):
        engine.remove_image(model)


def environment_image(engine: Engine, lock: Lock, *, base_image: str | None, steps: Steps) -> str:
    """Build the image with the packages of a lock, if it does not exist; return its name.

    Raises
    ------
    BaseImageError
        If the base image is missing and cannot be pulled, or is incompatible with the environment.
    ImageBuildError
        If the image cannot be built.
    EnvironmentBuildError
        If the packages cannot be fetched.
    """
    base_image = base_image or f"python:{lock.python}-slim"
    base = ensure_base(engine, base_image, steps=steps)
    check_volumes(base_image, base)
    settings = [each.read_text(encoding="utf-8") for each in dockerfiles.SETTINGS]
    recipe = "".join([dockerfiles.environment(""), packages_layer("").digest, *settings])
    name = f"modelship/environment:{_key(lock.digest, base.image_id, recipe)}"
    if engine.image(name) is not None:
        return name
    machine = machine_of(base_image, base)
    deadline = steps.deadline
    with (
        steps.step("Build the environment image"),
        _alone(_ENVIRONMENT_LOCK, name, deadline=deadline) as folder,
    ):
        if engine.image(name) is None:
            check_python(engine, base_image, base, python=lock.python, deadline=deadline)
            if note := note_on_triggers(base_image, base):
                steps.say(note)
            install_packages(lock, folder, machine=machine, timeout_s=deadline.remaining_s)
            files = sent(_packages(folder, python=lock.python), folder)
            layer, recipe_on = packages_layer(base_image), dockerfiles.environment
            build_on_layer(engine, name, layer, files, recipe_on=recipe_on, deadline=deadline)
            engine.sweep_forgotten(labels.BUILD, prefix=labels.BUILD_PREFIX)
    return name


def _ensure_server(
    engine: Engine, server: Server, lock: Lock, *, environment: str, steps: Steps
) -> str:
    """Add modelship's server and its requirements next to an environment, which is not changed."""
    added = server.added_to(lock)
    recipe = dockerfiles.server("") + server_layer("").digest
    name = f"modelship/server:{_key(environment, server.digest, added.digest, recipe)}"
    deadline = steps.deadline
    with _alone(_ENVIRONMENT_LOCK, name, deadline=deadline) as folder:
        base = engine.image(environment)
        if engine.image(name) is None and base is not None:
            if added.text:
                machine = machine_of(environment, base)
                install_packages(added, folder, machine=machine, timeout_s=deadline.remaining_s)
            for path, content in server.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            files = sent(_packages(folder, python=lock.python), folder)
            layer, recipe_on = server_layer(environment), dockerfiles.server
            build_on_layer(engine, name, layer, files, recipe_on=recipe_on, deadline=deadline)
    return name


def _ensure_service(
    engine: Engine, bundle: ScoringBundle, *, environment: str, server: Server, steps: Steps
) -> str:
    models = models_layer(environment, model_dir=model_dir(bundle.models))
    model = f"modelship/model:{_key(bundle.parts['model'], models.digest)}"
    service = _service_name(bundle.digest)
    present = engine.image(service)
    # The same bundle on another base image has the same digest, but another model image.
    if present is not None and present.labels.get(labels.MODEL_IMAGE) == model:
        return service
    with steps.step("Build the image"):
        if engine.image(model) is None:
            with _scratch(model) as folder:
                stage_models(bundle, folder)
                files = sent(Archive(below(folder, _APP), [_MODELS]), folder)
                add_layer(engine, model, models, files, deadline=steps.deadline)
        script = script_layer(
            model,
            entry_script=bundle.entry_script,
            module=server.module,
            variables=server.variables(bundle, sample_file=str(dockerfiles.SAMPLE)),
        )
        _add_script(engine, service, script, bundle, deadline=steps.deadline)
        _remove_nameless(engine, present)
        engine.sweep_forgotten(labels.BUILD, prefix=labels.BUILD_PREFIX)
    return service


def _add_script(
    engine: Engine, service: str, layer: Layer, bundle: ScoringBundle, *, deadline: Deadline
) -> None:
    """Name the service image, which bundles share that differ in their tags alone."""
    source = {f"{_APP}/{file.path}": file.content for file in bundle.source}
    folders = [_APP]
    if bundle.sample_json is not None:
        source[str(dockerfiles.SAMPLE).lstrip("/")] = bundle.sample_json.encode()
        folders.append(dockerfiles.SAMPLE.parent.name)
    files = Archive(source, folders)
    content = hashlib.sha256(b"".join([layer.digest.encode(), *files])).hexdigest()
    label = {labels.CONTENT: content}
    for image in engine.images(f"{labels.CONTENT}={content}"):
        of_this_model = image.labels.get(labels.MODEL_IMAGE) == layer.base
        # What a user commits of a service's container has its labels, but not its name.
        if of_this_model and any(name.startswith(_SERVICE) for name in image.names):
            engine.tag(image.image_id, service)
            return
    layer = replace(layer, labels={**layer.labels, **label})
    add_layer(engine, service, layer, files, deadline=deadline)


def _service_name(digest: str) -> str:
    return f"{_SERVICE}{digest[:16]}"


def _packages(folder: Path, *, python: str) -> Archive:
    """Return the packages in `folder`, and our own files, by their paths in the image."""
    site_packages = f"{_VENV}/lib/python{python}/site-packages"
    scripts = f"{site_packages}/bin/"
    files = {
        f"{_VENV}/bin/{path.removeprefix(scripts)}" if path.startswith(scripts) else path: content
        for path, content in below(folder, site_packages).items()
    }
    files |= {f"{_VENV}/{each.name}": each for each in dockerfiles.SETTINGS}
    return Archive(files, [site_packages, _APP, _MODELS])


@contextmanager
def _alone(kind: str, name: str, *, deadline: Deadline) -> Iterator[Path]:
    """Hold the lock of one image, and yield its scratch folder."""
    lock = f"{kind}-{name.rpartition(':')[2]}"
    with exclusive(lock, timeout_s=deadline.remaining_s), _scratch(name) as folder:
        yield folder


@contextmanager
def _scratch(name: str) -> Iterator[Path]:
    """Yield an empty folder for one image, and remove it afterwards.

    The caller holds a lock, so an existing folder belongs to a process that was killed.
    """
    folder = cache_folder() / "docker" / name.rpartition(":")[2]
    shutil.rmtree(folder, ignore_errors=True)
    with storing(folder):
        folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
