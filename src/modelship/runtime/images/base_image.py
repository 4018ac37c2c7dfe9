"""Pull the base image, and determine its Python version."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from modelship.bundle.lock import minor_of
from modelship.errors import BaseImageError, ImageBuildError
from modelship.runtime.images import dockerfiles, labels
from modelship.runtime.images.archive import Archive

if TYPE_CHECKING:
    from modelship.progress import Deadline, Steps
    from modelship.runtime.images.engine import Engine
    from modelship.runtime.images.inspection import Image

__all__ = ["check_python", "ensure_base", "machine_of", "python_of"]

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


def check_python(engine: Engine, name: str, *, python: str, deadline: Deadline) -> None:
    """Check the Python version of the base image, before any package is fetched for it.

    Raises
    ------
    BaseImageError
        If the image has no Python of the minor version `python`, or no glibc.
    """
    try:
        found, library = _probed(engine, name, deadline=deadline)
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
    ensure_base(engine, name, steps=steps)
    try:
        release, _ = _probed(engine, name, deadline=steps.deadline)
    except ImageBuildError:
        return ""
    return release if release != _UNKNOWN else ""


def _probed(engine: Engine, name: str, *, deadline: Deadline) -> tuple[str, str]:
    """Return the release of Python and the C library of an image."""
    label = f"probe-{secrets.token_hex(8)}"
    context = Archive({"Dockerfile": dockerfiles.probe(name, label=label).encode()})
    try:
        log = engine.build(context, tag="", deadline=deadline, cache=False)
    finally:
        engine.sweep(f"{labels.BUILD}={label}", sparing=labels.RECORD)
    answer = re.search(r"^probed (\S+) (\S+)", log, re.MULTILINE)
    return (answer[1], answer[2]) if answer else (_UNKNOWN, _UNKNOWN)


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
