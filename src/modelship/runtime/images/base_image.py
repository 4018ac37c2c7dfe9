"""Pull the base image, and determine its Python version."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelship.bundle.lock import minor_of
from modelship.errors import BaseImageError, ImageBuildError
from modelship.runtime.images import dockerfiles, labels
from modelship.runtime.images.archive import Archive
from modelship.runtime.images.build_labels import label_of_build
from modelship.runtime.images.layers import Layer, committed

if TYPE_CHECKING:
    from modelship.progress import Deadline, Steps
    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Image

__all__ = [
    "check_python",
    "check_volumes",
    "ensure_base",
    "machine_of",
    "note_on_triggers",
    "python_of",
]

_UNKNOWN = "unknown"
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}


def ensure_base(engine: Engine, name: str, *, steps: Steps) -> Image:
    """Return the base image; pull it if it does not exist locally.

    Raises
    ------
    BaseImageError
        If the image does not exist and cannot be pulled.
    """
    base = engine.image(name)
    if base is not None:
        return base
    with steps.step("Pull the base image"):
        problem = engine.pull(name, deadline=steps.deadline).rstrip(".")
    pulled = engine.image(name)
    if pulled is None:
        raise BaseImageError(
            image=name,
            problem=f"it does not exist locally and cannot be pulled ({problem})",
            advice=f"Fix what docker pull {name} reports, or name an image that has Python "
            "with base_image= (--option base_image=IMAGE).",
        )
    return pulled


def check_volumes(name: str, base: Image) -> None:
    """Check that no volume of the base image hides the files of a service.

    What is written to a volume is no part of an image, and no instruction of a Dockerfile removes
    the volumes of the image that it is based on.

    Raises
    ------
    BaseImageError
        If it has such a volume.
    """
    volumes = [each for each in base.volumes if _hides_files(each)]
    if not volumes:
        return
    of_image = ", ".join(sorted(volumes))
    raise BaseImageError(
        image=name,
        problem=f"its VOLUME {of_image} would hide the files of a service",
        advice=f"Build it without VOLUME {of_image}, also in the images that it is based on, or "
        "name another image with base_image= (--option base_image=IMAGE).",
    )


def _hides_files(written: str) -> bool:
    """Return whether a volume is at, above or below a place of ours, in any way to write it."""
    volume = PurePosixPath(posixpath.normpath("/" + written.lstrip("/")))
    return any(
        volume.is_relative_to(each) or each.is_relative_to(volume) for each in dockerfiles.PLACES
    )


def check_python(
    engine: Engine, name: str, base: Image, *, python: str, deadline: Deadline
) -> None:
    """Check the Python version of the base image, before any package is fetched for it.

    Raises
    ------
    BaseImageError
        If the image has no Python of the minor version `python`, or no glibc.
    """
    try:
        found, library = _probed(engine, name, base, deadline=deadline)
    except ImageBuildError as error:
        problem = f"its python3 does not run ({error.problem})"
        raise _base_image_error(name, problem, python=python) from error
    if minor_of(found) != python:
        problem = f"it has Python {minor_of(found)}, and the environment requires Python {python}"
        raise _base_image_error(name, problem, python=python)
    if library != "glibc":
        problem = "it has no glibc, which the locked wheels need"
        raise _base_image_error(name, problem, python=python)


def python_of(engine: Engine, name: str, *, steps: Steps) -> str:
    """Return the release of a base image's Python, such as ``"3.8.18"``; ``""`` if it has none.

    Raises
    ------
    BaseImageError
        If the image does not exist and cannot be pulled.
    """
    base = ensure_base(engine, name, steps=steps)
    try:
        release, _ = _probed(engine, name, base, deadline=steps.deadline)
    except ImageBuildError:
        return ""
    return release if release != _UNKNOWN else ""


def _probed(engine: Engine, name: str, base: Image, *, deadline: Deadline) -> tuple[str, str]:
    """Return the release of Python and the C library of an image."""
    label = label_of_build("probe")
    try:
        if base.on_build:  # a build on an image that is committed of it does not run them
            name = committed(
                engine, "", Layer(name, {}), Archive({}), label=label, deadline=deadline
            )
        context = Archive({"Dockerfile": dockerfiles.probe(name, label=label).encode()})
        log = engine.build(context, tag="", deadline=deadline, cache=False)
    finally:
        engine.sweep(f"{labels.BUILD}={label}", sparing=labels.RECORD)
    answer = re.search(r"^probed (\S+) (\S+)", log, re.MULTILINE)
    return (answer[1], answer[2]) if answer else (_UNKNOWN, _UNKNOWN)


def note_on_triggers(name: str, base: Image) -> str:
    """Return a note that the ``ONBUILD`` instructions of a base image are not run, or ``""``.

    They are meant for images with the files of its author's users, and may contain secrets.
    """
    kinds = sorted({each.split(maxsplit=1)[0].upper() for each in base.on_build if each.strip()})
    if not kinds:
        return ""
    return f"note: the ONBUILD instructions of {name} ({', '.join(kinds)}) are not run"


def machine_of(name: str, base: Image) -> str:
    """Return the machine of the base image, in the format of ``uname -m``."""
    if base.architecture not in _MACHINES:
        raise BaseImageError(
            image=name,
            problem=f"it is for {base.architecture!r} machines",
            advice="Name an image for amd64 or arm64 with base_image= (--option base_image=IMAGE).",
        )
    return _MACHINES[base.architecture]


def _base_image_error(name: str, problem: str, *, python: str) -> BaseImageError:
    return BaseImageError(
        image=name,
        problem=problem,
        advice=f"Name an image that has Python {python} with base_image= "
        "(--option base_image=IMAGE), or request another Python in the environment.",
    )
