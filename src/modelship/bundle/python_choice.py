"""Choose the Python version of an environment."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from modelship.errors import EnvironmentSpecError

if TYPE_CHECKING:
    from modelship.bundle.conda import PythonSpec

__all__ = ["NEWEST_PYTHON", "OLDEST_PYTHON", "RUNNING", "checked_python", "pick_python"]

OLDEST_PYTHON: Final = (3, 8)
"""For older versions, the inference server's releases need packages without wheels."""

NEWEST_PYTHON: Final = (3, 14)
"""The newest version that is chosen for a range such as ``python>=3.8``."""

_RUNNING: Final = sys.version_info[:2]

RUNNING: Final = ".".join(map(str, _RUNNING))
"""The minor version of the running Python, such as ``"3.11"``."""


def checked_python(python: str, *, where: str) -> str:
    """Return a validated Python version such as ``"3.11"`` or ``"3.11.7"``.

    Raises
    ------
    EnvironmentSpecError
        If it is not a Python version, or is too old.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", python.strip())
    if match is None:
        raise EnvironmentSpecError(
            where, f"{python!r} is not a version of Python.", "Write it as '3.11'."
        )
    if (int(match[1]), int(match[2])) < OLDEST_PYTHON:
        raise _too_old(python, where=where)
    return python.strip()


def _too_old(python: str, *, where: str) -> EnvironmentSpecError:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return EnvironmentSpecError(
        where,
        f"it asks for Python {python}, and services run on Python {oldest} or newer: what Azure "
        "ML's inference server needs on older ones would have to be compiled.",
        f"Write python={oldest} there. scikit-learn 0.22 and newer have wheels for it, and load "
        "what the same release has pickled under an older Python; evaluate the model to see that "
        "it answers the same.",
    )


def pick_python(spec: PythonSpec) -> str:
    """Return the Python of a conda file; from a range, the running one if possible, or the newest.

    Raises
    ------
    EnvironmentSpecError
        If no Python matches, or it is too old.
    """
    for clause in spec.specifier:
        if clause.operator in {"==", "==="}:
            python = clause.version.removesuffix(".*")
            if python == "3":
                break
            return checked_python(python, where=spec.where)
    minors = [(3, minor) for minor in range(NEWEST_PYTHON[1], -1, -1)]
    for minor in [_RUNNING, *minors]:
        # .99 so that a bound such as >=3.11.4 does not exclude a minor version
        if spec.specifier.contains(f"{minor[0]}.{minor[1]}.99"):
            python = f"{minor[0]}.{minor[1]}"
            return checked_python(python, where=spec.where)
    raise EnvironmentSpecError(
        spec.where, f"no release of Python is {spec.specifier}.", "Write python=3.11."
    )
