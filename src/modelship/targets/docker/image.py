"""The three images of a service, each made only if it is not there.

::

    modelship/environment:<key>   base image + locked packages     kept as a cache
    modelship/model:<key>         the one above + the model        removed with its last service
    modelship/service:<digest>    the one above + the script       removed with its last container
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modelship.bundle.install import install_packages
from modelship.bundle.store import model_folder, stage_model
from modelship.errors import BaseImageError, ImageBuildError
from modelship.places import cache_folder, exclusive
from modelship.targets.docker import dockerfiles, labels
from modelship.targets.docker.archive import Archive
from modelship.targets.docker.dockerfiles import APP_ROOT, VENV

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modelship.bundle import Lock, ScoringBundle
    from modelship.targets.docker._sdk import Engine, Image
    from modelship.targets.progress import Deadline, Steps

__all__ = ["remove_unused_images", "service_image"]

_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
_APP = str(APP_ROOT).lstrip("/")
_REMOVE_TIMEOUT_S = 60.0
# No service's name has a dot, so this is never the lock of a service.
_IMAGES_LOCK = "docker.images"


@contextmanager
def service_image(
    engine: Engine, bundle: ScoringBundle, *, base_image: str | None, steps: Steps
) -> Iterator[str]:
    """Build what is missing of the three images and yield the name of the last.

    While the body runs, no other process of this user removes it.

    Raises
    ------
    BaseImageError
        If the base image is missing and cannot be pulled, or the environment does not fit it.
    ImageBuildError
        If an image cannot be built.
    EnvironmentBuildError
        If the locked packages cannot be fetched.
    """
    base_image = base_image or f"python:{bundle.lock.python}-slim"
    environment = _ensure_environment(engine, bundle.lock, base_image=base_image, steps=steps)
    with exclusive(_IMAGES_LOCK, timeout_s=steps.deadline.remaining_s):
        yield _ensure_service(engine, bundle, environment=environment, steps=steps)


def remove_unused_images(engine: Engine, digest: str) -> None:
    """Remove the service image of a bundle and the model image below it, if nothing uses them."""
    with suppress(TimeoutError), exclusive(_IMAGES_LOCK, timeout_s=_REMOVE_TIMEOUT_S):
        name = _service_name(digest)
        image = engine.image(name)
        if image is None or engine.containers(ancestor=image.image_id):
            return
        engine.remove_image(name)
        below = image.labels.get(labels.MODEL_IMAGE, "")
        if below and not engine.has_image(f"{labels.MODEL_IMAGE}={below}"):
            engine.remove_image(below)


def _ensure_environment(engine: Engine, lock: Lock, *, base_image: str, steps: Steps) -> str:
    base = _ensure_base(engine, base_image, steps)
    key = _key(lock.digest, base.image_id, dockerfiles.environment(base_image, label=""))
    name = f"modelship/environment:{key}"
    if engine.image(name) is not None:
        return name
    with (
        steps.step("Build the environment image"),
        exclusive(f"docker.environment-{key}", timeout_s=steps.deadline.remaining_s),
    ):
        if engine.image(name) is None:
            _check_python(engine, lock, base_image, deadline=steps.deadline)
            with _scratch_folder(f"environment-{key}") as folder:
                machine = _machine(base_image, base)
                install_packages(
                    lock, folder, machine=machine, timeout_s=steps.deadline.remaining_s
                )
                _build(
                    engine,
                    name,
                    dockerfiles.environment(base_image, label=name),
                    _packages(folder, python=lock.python),
                    deadline=steps.deadline,
                )
    return name


def _ensure_service(
    engine: Engine, bundle: ScoringBundle, *, environment: str, steps: Steps
) -> str:
    relative = model_folder(bundle)
    recipe = dockerfiles.model(environment, label="", model_folder=relative)
    model = f"modelship/model:{_key(bundle.parts['model'], recipe)}"
    service = _service_name(bundle.digest)
    present = engine.image(service)
    if present is not None and present.labels.get(labels.MODEL_IMAGE) == model:
        return service
    with steps.step("Build the image"):
        if engine.image(model) is None:
            recipe = dockerfiles.model(environment, label=model, model_folder=relative)
            with _scratch_folder(model.rpartition(":")[2]) as folder:
                stage_model(bundle, folder)
                files = Archive(
                    _below(folder, f"{_APP}/{relative}"), folders=[f"{_APP}/azureml-models"]
                )
                _build(engine, model, recipe, files, deadline=steps.deadline)
        source = {f"{_APP}/{file.path}": file.content for file in bundle.source}
        recipe = dockerfiles.service(model, label=service, entry_script=bundle.entry_script)
        _build(engine, service, recipe, Archive(source, folders=[_APP]), deadline=steps.deadline)
    return service


def _service_name(digest: str) -> str:
    return f"modelship/service:{digest[:16]}"


def _ensure_base(engine: Engine, base_image: str, steps: Steps) -> Image:
    base = engine.image(base_image)
    if base is None:
        with steps.step("Pull the base image"):
            problem = engine.pull(base_image, deadline=steps.deadline)
            base = engine.image(base_image)
    if base is None:
        raise BaseImageError(
            image=base_image,
            problem=f"it is not here and cannot be pulled ({(problem or 'unknown').rstrip('.')})",
            advice=f"Run docker pull {base_image} where that works, or name an image that has "
            "Python with base_image= (--option base_image=...).",
        )
    return base


def _check_python(engine: Engine, lock: Lock, base_image: str, *, deadline: Deadline) -> None:
    """Ask the base image's Python, before anything is fetched for it."""
    label = f"probe-{_key(base_image, lock.python)}"
    context = Archive({"Dockerfile": dockerfiles.probe(base_image, label=label).encode()})
    try:
        log = engine.build(context, tag="", deadline=deadline, cache=False)
    except ImageBuildError as error:
        raise _base_image_error(
            base_image, f"its python3 does not run ({error.problem})", lock
        ) from error
    finally:
        engine.sweep(f"{labels.BUILD}={label}", sparing=labels.RECORD)
    answer = re.search(r"^probed (\S+) (\S+)", log, re.MULTILINE)
    python, libc = answer.groups() if answer else ("unknown", "glibc")
    if python != lock.python:
        raise _base_image_error(
            base_image, f"it has Python {python}, and the environment asks for {lock.python}", lock
        )
    if libc != "glibc":
        raise _base_image_error(base_image, "it has no glibc, which the locked wheels need", lock)


def _base_image_error(base_image: str, problem: str, lock: Lock) -> BaseImageError:
    return BaseImageError(
        image=base_image,
        problem=problem,
        advice=f"Name an image that has Python {lock.python} with base_image= "
        "(--option base_image=...), or ask for another Python in the environment.",
    )


def _machine(base_image: str, base: Image) -> str:
    if base.architecture not in _MACHINES:
        raise BaseImageError(
            image=base_image,
            problem=f"it is for {base.architecture!r} machines",
            advice=f"Name an image for one of: {', '.join(sorted(_MACHINES))}.",
        )
    return _MACHINES[base.architecture]


def _packages(folder: Path, *, python: str) -> Archive:
    """Return what was installed into `folder`, as the image's virtual environment has it."""
    site_packages = f"{str(VENV).lstrip('/')}/lib/python{python}/site-packages"
    packages = _below(folder, site_packages)
    scripts = f"{site_packages}/bin/"
    files = {
        path.replace(scripts, f"{str(VENV).lstrip('/')}/bin/", 1): content
        for path, content in packages.items()
    }
    return Archive(files, folders=[site_packages, _APP, f"{_APP}/azureml-models"])


def _below(folder: Path, place: str) -> Mapping[str, Path]:
    """Return the files of `folder` by where they go in the image."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {f"{place}/{path.relative_to(folder).as_posix()}": path for path in files}


def _build(
    engine: Engine, name: str, dockerfile: str, files: Archive, *, deadline: Deadline
) -> None:
    context = Archive({"Dockerfile": dockerfile.encode(), "files.tar": files})
    try:
        engine.build(context, tag=name, deadline=deadline)
    finally:
        engine.sweep(f"{labels.BUILD}={name}", sparing=labels.RECORD)


@contextmanager
def _scratch_folder(name: str) -> Iterator[Path]:
    """Yield an empty folder that is removed afterwards, and first if a killed process left it.

    Whoever uses a name holds a lock that goes with it.
    """
    folder = cache_folder() / "docker" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
