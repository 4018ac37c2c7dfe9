"""Give advice that can be true on missing modules and mismatched versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from modelship.known_modules import GENERIC_NAMES, OF_PYTHON_2, OTHER_SYSTEMS, removed_in
from modelship.known_packages import LIBRARIES, SETUPTOOLS, known_package
from modelship.known_wheels import has_wheel, nearest_python

if TYPE_CHECKING:
    from modelship.diagnosis.facts import Surroundings

__all__ = ["needs_other_python", "remedy_for_missing", "remedy_for_version", "to_list"]

_TOLD_BY_INSPECT = frozenset({"scikit-learn", "skops"})
"""Libraries whose files contain their version."""


def remedy_for_missing(module: str, *, around: Surroundings, package: str = "") -> str:
    """Return the advice for a missing module that the scoring script imports.

    A package is named only if it is known to provide the module: an index has packages of most
    names, from unrelated authors.

    Parameters
    ----------
    module : str
        Its full name.
    around : Surroundings
        The facts known about the bundle.
    package : str
        The name on PyPI of the package that provides it, if the caller knows it.
    """
    top = module.partition(".")[0]
    return (
        _of_python(top, around)
        or _in_the_source(module, around)
        or _left_behind(top, around)
        or _of_a_package(module, package=package)
    )


def _left_behind(top: str, around: Surroundings) -> str:
    """Return the advice on a module of the user's own that is not in the source."""
    if top in around.beside:
        return f"{top} is next to the script: pass the folder of both as source_directory."
    if top in around.projects:
        return (
            f"{top} is your own project, which is not on a package index: put its folder {top} "
            "next to the script, and pass the folder of both as source_directory."
        )
    return ""


def _of_a_package(module: str, *, package: str) -> str:
    top = module.partition(".")[0]
    beside = "put it next to the script and pass the folder of both as source_directory"
    if known := package or known_package(module):
        maybe = "" if package or top in LIBRARIES else f"; or, if {top} is your own file, {beside}"
        return f"{to_list(known).rstrip('.')}{maybe}."
    yours = f"If {top} is your own file or folder, {beside}"
    if top in GENERIC_NAMES:
        return f"{yours}."
    return f"{yours}; otherwise list the package that provides it in the environment."


def to_list(package: str) -> str:
    """Return the advice to list a package."""
    return f"List {SETUPTOOLS if package == 'setuptools' else package} in the environment."


def needs_other_python(module: str, around: Surroundings) -> bool:
    """Return whether the standard library had a module and no longer has it."""
    return removed_in(module.partition(".")[0]) is not None and not around.is_of_python(
        module.partition(".")[0]
    )


def _of_python(top: str, around: Surroundings) -> str:
    """Return the advice on a standard-library module of some systems or releases only."""
    if top in OF_PYTHON_2:
        return f"{top} is a module of Python 2: in Python 3 it is {OF_PYTHON_2[top]}."
    if top in OTHER_SYSTEMS:
        return f"Remove the import: Python has {top} only on Windows."
    since = removed_in(top)
    if since and (around.python or since) >= since:
        gone = f"Python {since[0]}.{since[1]} and newer have no {top}"
        name = f"request Python {since[0]}.{since[1] - 1} in the environment"
        if top == "distutils":
            return f"{gone}: list {SETUPTOOLS}, which provides it, or {name}."
        return f"{gone}: remove the import, or {name}."
    if around.is_of_python(top):
        return (
            f"{top} is a module of the standard library, but {around.python_name} lacks it: use a "
            "Python that was built with it."
        )
    return ""


def _in_the_source(module: str, around: Surroundings) -> str:
    """Return the advice on a module that is elsewhere in the source."""
    top, _, rest = module.partition(".")
    if file := around.in_root(top):
        if not rest:
            return f"{file} is in the bundle: leave the script's folder on sys.path."
        within = module.replace(".", "/")
        if file == f"{top}.py":
            return f"{file} is a module, not a package: import from {top} what it defines."
        return f"Add {within}.py to the source directory, or correct the name."
    first = rest.partition(".")[0]
    if first and (file := around.in_root(first)) and not known_package(module):
        above = f"pass the parent folder, which contains {top}, as source_directory."
        write = "" if around.is_of_python(first) else f"Write import {rest} (it is {file}), or "
        return f"{write}{above}" if write else f"{above[0].upper()}{above[1:]}"
    if folder := around.folder_of(top):
        dots = folder.replace("/", ".")
        hidden = around.is_of_python(dots.partition(".")[0])
        write = "" if hidden else f"write from {dots} import {top}, or "
        return (
            f"Only the root of the source folder is searched: {write}pass the folder {folder} "
            "itself as source_directory."
        )
    return ""


def remedy_for_version(package: str, version: str, *, around: Surroundings, loads: str = "") -> str:
    """Return how to get the version of a library that wrote the model, or how to do without it.

    Parameters
    ----------
    package : str
        The library's name on PyPI.
    version : str
        The version that wrote the model; ``""`` if unknown.
    around : Surroundings
        The facts known about the bundle.
    loads : str
        The version in the environment, if known.
    """
    if not version:
        told = "; modelship inspect tells which" if package in _TOLD_BY_INSPECT else ""
        return f"Pin in the environment the version of {package} that wrote the model{told}."
    again = f"train the model again with {package} {loads or 'as it is installed'}"
    if _is_unreleased(version):
        return f"{again[0].upper()}{again[1:]}: {package} {version} is not on a package index."
    python = around.python
    if python is None or has_wheel(package, version, python=python):
        return f"Pin {package}=={version}, which wrote the model, or {again}."
    other = nearest_python(package, version, python=python)
    none = f"{package} {version} has no wheel for {around.python_name}"
    if not other:
        return (
            f"{again[0].upper()}{again[1:]}: {none}, nor for another Python that services run on."
        )
    return (
        f"Require Python {other} and {package}=={version} in the environment ({none}), or {again}."
    )


def _is_unreleased(version: str) -> bool:
    try:
        parsed = Version(version)
    except InvalidVersion:
        return True
    return parsed.is_devrelease or parsed.local is not None
