"""Choose the Python of an environment: the requested one, or the nearest available one.

A requested patch release stands for its minor version. Another minor version is only used if the
user did not choose one: azureml-core then writes one of :data:`SDK_PYTHONS`. It is the nearest
newer version that is available and that the packages allow, or else the nearest older one. A Python
that a user has named is never replaced by another minor version, because a model may give different
results on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.bundle.lock import minor_of
from modelship.errors import BaseImageError, PythonNotFoundError, ResolutionError
from modelship.runtime.images.base_image import ensure_base, python_of
from modelship.runtime.images.engine import connected
from modelship.runtime.install import installed_pythons

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelship.progress import Steps
    from modelship.testing.offline.images import Images
    from modelship.testing.offline.specifications import Specification

__all__ = ["SDK_PYTHONS", "PythonsHere", "PythonsOfImages", "Taken", "on_some_python", "take"]

SDK_PYTHONS: Final = ("3.8.13", "3.10.18")
"""The defaults of azureml-core 1.61.

The first is of ``CondaDependencies()`` and ``Environment(...)``, the second of
``CondaDependencies.create()``.
"""

_OLDEST: Final = (3, 8)
_SUPPORTED: Final = tuple(f"3.{minor}" for minor in range(8, 15))
# Only then can another Python help.
_OF_PYTHON: Final = re.compile(r"Python\s*[<>=!]|\bwheels?\b")


class PythonsHere:
    """The Pythons of this machine; listed once, and again when one is missing."""

    place: Final = "this machine"

    def __init__(self) -> None:
        self._found: Mapping[str, str] = {}

    def beside(self, minor: str, steps: Steps) -> Mapping[str, str]:  # noqa: ARG002 - as for images
        """Return the release of each available minor version; `minor` is preferred."""
        if minor not in self._found:
            self._found = installed_pythons()
        return self._found


class PythonsOfImages:
    """The Pythons of the base images that a Docker engine has.

    Parameters
    ----------
    base_image : str, optional
        The only image, if one was named; otherwise they are ``python:<minor>-slim``.
    """

    def __init__(self, base_image: str | None) -> None:
        self._base_image = base_image
        self._release = ""
        self.place = base_image or "the base image"

    def beside(self, minor: str, steps: Steps) -> Mapping[str, str]:
        """Return the release of each available minor version; `minor` is preferred.

        Raises
        ------
        BaseImageError
            If the named image does not exist and cannot be pulled.
        """
        if self._base_image is None:
            return {each: each for each in self._slim(minor, steps)}
        if not self._release:
            with connected() as engine:
                self._release = python_of(engine, self._base_image, steps=steps)
        return {minor_of(self._release): self._release} if self._release else {}

    @staticmethod
    def _slim(minor: str, steps: Steps) -> tuple[str, ...]:
        """Return all that can be pulled if `minor` can, and else those that are present."""
        with connected() as engine:
            try:
                ensure_base(engine, f"python:{minor}-slim", steps=steps)
            except BaseImageError:
                return tuple(each for each in _SUPPORTED if engine.image(f"python:{each}-slim"))
            return _SUPPORTED


@dataclass(frozen=True)
class Taken:
    """The Python that is used in place of the requested one.

    Parameters
    ----------
    minor : str
        Its minor version.
    note : str
        What was requested, what is used, and why, in one line; ``""`` if they are the same.
    """

    minor: str
    note: str


def take(
    asked: str, *, here: Mapping[str, str], place: str, resolve: Callable[[str], object]
) -> Taken:
    """Choose a Python.

    Parameters
    ----------
    asked : str
        A patch release, such as ``"3.8.13"``.
    here : Mapping[str, str]
        The release of each available minor version.
    place : str
        Where these are, such as ``"this machine"``.
    resolve : Callable
        Resolves the packages for a minor version, and raises a ResolutionError.

    Raises
    ------
    PythonNotFoundError
        If there is no Python to use.
    ResolutionError
        If the packages support none of the available ones.
    """
    minor = minor_of(asked)
    if asked not in SDK_PYTHONS:
        return Taken(minor, _same(asked, here.get(minor, ""), place=place))
    refused: dict[str, ResolutionError] = {}
    for python in _nearest(minor, tuple(here)):
        error = _refusal(resolve, python)
        if error is None:
            return Taken(python, _note(asked, python, refused, here=here, place=place))
        refused[python] = error
    if refused:
        raise next(iter(refused.values()))
    raise PythonNotFoundError("the environment", minor, tuple(here))


def on_some_python(
    specification: Specification,
    *,
    pythons: PythonsHere | PythonsOfImages,
    images: Images,
    steps: Steps,
    say: Callable[[str], None],
) -> Specification:
    """Return the specification with the Python that it gets here; log that, and its notes.

    Parameters
    ----------
    specification : Specification
        The environment; one that names no patch release is returned unchanged.
    pythons : PythonsHere or PythonsOfImages
        The Pythons to choose from.
    images : Images
        Resolves the packages for a Python.
    steps : Steps
        The deadline for listing the Pythons.
    say : Callable
        Receives each line for the log.

    Raises
    ------
    PythonNotFoundError, ResolutionError
        As for :func:`take`.
    """
    for note in specification.notes:
        say(note)
    asked = specification.python_release
    if not asked:
        return specification
    taken = take(
        asked,
        here=pythons.beside(minor_of(asked), steps),
        place=pythons.place,
        resolve=lambda minor: images.lock(specification.with_python(minor)),
    )
    if taken.note:
        say(taken.note)
    return specification.with_python(taken.minor)


def _refusal(resolve: Callable[[str], object], python: str) -> ResolutionError | None:
    """Return why the packages do not support a Python; None if they do."""
    try:
        resolve(python)
    except ResolutionError as error:
        if not _OF_PYTHON.search(error.resolver_output):
            raise
        return error
    return None


def _nearest(minor: str, here: Sequence[str]) -> tuple[str, ...]:
    """Return the available versions: `minor` itself, newer ones upwards, older ones downwards."""
    wanted = _number(minor)
    found = sorted(each for each in map(_number, here) if each >= _OLDEST)
    upwards = [each for each in found if each >= wanted]
    downwards = [each for each in reversed(found) if each < wanted]
    return tuple(".".join(map(str, each)) for each in (*upwards, *downwards))


def _number(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))


def _note(
    asked: str,
    python: str,
    refused: Mapping[str, ResolutionError],
    *,
    here: Mapping[str, str],
    place: str,
) -> str:
    minor = minor_of(asked)
    if python == minor:
        return _same(asked, here[python], place=place)
    if minor in refused:
        why = f"the packages do not support {minor} ({refused[minor].problem.rstrip('.')})"
    else:
        why = f"{place} has no {minor}, only {', '.join(here)}"
    others = "".join(
        f"; {other} was skipped ({error.problem.rstrip('.')})"
        for other, error in refused.items()
        if other != minor
    )
    azure = (
        " Azure could not build it: choose a Python that the packages support, with "
        f'set_python_version("{python}").'
        if minor in refused
        else ""
    )
    return (
        f"Python {asked} is requested, which is azureml-core's default; Python "
        f"{here[python]} of {place} is used instead: {why}{others}.{azure}"
    )


def _same(asked: str, release: str, *, place: str) -> str:
    if release in {"", asked}:
        return ""
    return (
        f"Python {asked} is requested; Python {release} of {place} is used instead: packages are "
        f"the same for every release of {minor_of(asked)}."
    )
