"""Define Lock: the exact packages of an environment, with the hash of each file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelship.bundle._uv import run_uv
from modelship.bundle._uv_explained import explain
from modelship.bundle.clash import find_clash
from modelship.bundle.locked_text import (
    linux_variables,
    lock_problem,
    locked_lines,
    locked_packages,
    without_options,
)
from modelship.errors import ResolutionError
from modelship.known_packages import SOURCE_ONLY
from modelship.progress import doing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelship.bundle._uv import Outcome
    from modelship.bundle.clash import Clash
    from modelship.bundle.environment import Environment

__all__ = [
    "Lock",
    "clash_behind",
    "linux_variables",
    "lock",
    "lock_problem",
    "locked_lines",
    "minor_of",
    "wheels_only",
]


# The platforms of a service: wheels must support the first, and the second too if possible.
_MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True)
class Lock:
    """The exact packages of an environment.

    A lock is valid for its minor version of Python and for all platforms that the packages have
    wheels for: Linux on x86_64 is guaranteed. It names no package index, so it installs from any
    index that serves the same files.

    Parameters
    ----------
    python : str
        The minor version of Python, such as ``"3.11"``.
    text : str
        Requirements with sha256 digests, in the format of ``pip install --require-hashes``.
    """

    python: str
    text: str

    @property
    def minor(self) -> tuple[int, int]:
        """The minor version of Python as numbers, such as ``(3, 11)``."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)

    @cached_property
    def digest(self) -> str:
        """The hex sha256 digest of Python's version, a line break, and the text."""
        return hashlib.sha256(f"{self.python}\n{self.text}".encode()).hexdigest()

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The version of each package, by canonical name, that a Linux machine installs.

        If markers lock a package at several versions, it is that for CPython on Linux (x86_64) of
        this minor version; a package for other platforms is omitted.
        """
        wanted = linux_variables(self.python)
        return MappingProxyType(
            {
                canonicalize_name(name): version
                for name, version, marker in locked_packages(self.text)
                if marker is None or marker.evaluate(wanted)
            }
        )

    def __repr__(self) -> str:
        return f"Lock(python={self.python!r}, packages={len(self.versions)}, {self.digest[:12]})"


def lock(
    environment: Environment,
    *,
    timeout_s: float = 300,
    like: Lock | None = None,
    only_on: str = "",
) -> Lock:
    """Resolve `environment` to exact versions, for all platforms, with digests.

    Only wheels are used, except for the few packages in
    :data:`modelship.known_packages.SOURCE_ONLY` and those in the variable ``UV_NO_BINARY_PACKAGE``:
    a package that has to be compiled needs a compiler in each place that runs the service.

    Parameters
    ----------
    environment : Environment
        The environment to resolve.
    timeout_s : float
        The timeout in seconds; 2 to 5 seconds are typical.
    like : Lock, optional
        A lock whose versions are preferred to the newest wherever the requirements allow them.
    only_on : str
        A marker as in PEP 508, such as ``"sys_platform == 'linux'"``, of the required platforms;
        the lock is valid on those alone.

    Raises
    ------
    ResolutionError
        If no set of versions satisfies the requirements, or the index cannot be reached.
    """
    deadline = time.monotonic() + timeout_s
    minor = minor_of(environment.python)
    for machines in (_MACHINES[:1],) if only_on else (_MACHINES, _MACHINES[:1]):
        with doing("choose a version of each package"):
            outcome = _compile(
                environment,
                project=_project(minor, machines, only_on=only_on),
                like=like,
                timeout_s=deadline - time.monotonic(),
            )
        if outcome.ok or "wheel" not in outcome.words:
            break
    if not outcome.ok:
        raise _failed(environment, outcome, timeout_s=timeout_s)
    return Lock(python=minor, text=without_options(outcome.stdout))


def _compile(
    environment: Environment, *, project: str, like: Lock | None, timeout_s: float
) -> Outcome:
    minor = minor_of(environment.python)
    with tempfile.TemporaryDirectory(prefix="modelship-") as folder:
        (Path(folder) / "pyproject.toml").write_text(project)
        output = Path(folder) / "requirements.txt"
        output.write_text(_pins(like))  # uv prefers existing versions
        outcome = run_uv(
            [
                *("pip", "compile", "-", "--universal", "--generate-hashes"),
                *("--no-header", "--no-annotate", "--quiet", "--output-file", str(output)),
                *("--python", sys.executable, "--python-version", minor),
                *wheels_only(),
            ],
            stdin="\n".join(environment.requirements) + "\n",
            timeout_s=timeout_s,
            asks_index=True,
            folder=folder,
        )
        return replace(outcome, stdout=output.read_text() if outcome.ok else "")


def _project(minor: str, machines: Sequence[str], *, only_on: str) -> str:
    """Return uv's settings for one minor version of Python, with wheels for Linux required.

    Otherwise uv chooses a release that has wheels only for macOS for all platforms, and rejects one
    that has none for the next Python, or for a browser.
    """
    major, number = minor.split(".")
    platforms = only_on or "sys_platform != 'emscripten'"
    python = f"python_full_version < '{major}.{int(number) + 1}' and {platforms}"
    linux = [
        f"{python} and sys_platform == 'linux' and platform_machine == '{m}'" for m in machines
    ]
    return (
        "[tool.uv]\n"
        f"environments = {json.dumps([python])}\n"
        f"required-environments = {json.dumps(linux)}\n"
        + "".join(map(_without_requirements, SOURCE_ONLY.items()))
    )


def _without_requirements(release: tuple[str, str]) -> str:
    """Return uv's setting that a release requires nothing: uv would build it to find out."""
    name, version = release
    return (
        f'[[tool.uv.dependency-metadata]]\nname = "{name}"\nversion = "{version}"\n'
        "requires-dist = []\n"
    )


def wheels_only() -> tuple[str, ...]:
    """Return the arguments that keep uv from building anything but the packages known."""
    named = re.split(r"[\s,]+", os.environ.get("UV_NO_BINARY_PACKAGE", ""))
    sources = sorted({*SOURCE_ONLY, *(canonicalize_name(name) for name in named if name)})
    exceptions = [argument for name in sources for argument in ("--no-binary", name)]
    return ("--only-binary", ":all:", *exceptions)


def _failed(environment: Environment, outcome: Outcome, *, timeout_s: float) -> ResolutionError:
    if outcome.timed_out:
        problem = f"resolving it took longer than {timeout_s:g} seconds and was ended."
        return ResolutionError(environment.origin, problem, outcome.words, "Try again later.")
    found = explain(outcome.words, python=environment.python)
    if found.problem:
        problem = found.problem
        # A package without files for a Python version conflicts with that Python version too.
        place = environment.place_of(found.package, *(["python"] if "Python" in problem else []))
    else:
        place, problem = _conflict(environment, outcome.words)
    return ResolutionError(place, problem, outcome.words, found.advice)


def clash_behind(error: ResolutionError, environment: Environment) -> Clash | None:
    """Return the two requirements that make `environment` unsatisfiable, if any."""
    words = error.resolver_output
    if explain(words, python=environment.python).problem:
        return None  # something else went wrong first
    return find_clash(words, environment.requirements)


def minor_of(python: str) -> str:
    """Return the minor version of Python, ``"3.11"`` of ``"3.11.7"``."""
    return ".".join(python.split(".")[:2])


def _conflict(environment: Environment, words: str) -> tuple[str, str]:
    """Return the locations of the requirements in uv's proof of a conflict, with their names."""
    if clash := find_clash(words, environment.requirements):
        one, other = clash.requirements
        place = environment.place_of(*(Requirement(each).name for each in clash.requirements))
        return place, f"{one} and {other} cannot both hold: {clash.reason}."
    involved = [
        text
        for text in environment.requirements
        if (requirement := Requirement(text)).specifier
        and re.search(rf"(?<![\w.-]){re.escape(requirement.name)}(?![\w-])", words)
    ]
    if len(involved) < 2:  # noqa: PLR2004 - one alone is in conflict with nothing
        return environment.origin, "no set of versions satisfies all requirements."
    place = environment.place_of(*(Requirement(each).name for each in involved))
    both = "both" if len(involved) == 2 else "all"  # noqa: PLR2004 - "both" is two
    return place, f"{', '.join(involved[:-1])} and {involved[-1]} cannot {both} hold."


def _pins(like: Lock | None) -> str:
    versions = like.versions if like else {}
    return "".join(f"{name}=={version}\n" for name, version in versions.items())
