"""Suggest what to do if a model does not load in this process."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from modelship.known_modules import OF_PYTHON_2, removed_in
from modelship.known_packages import known_package
from modelship.known_wheels import has_wheel, nearest_python
from modelship.sources.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["advice_on_loading", "way_to_load"]

_MODULE: Final = re.compile(r"No module named '(?P<name>[\w.]+)'")
_CLASS: Final = re.compile(
    r"Can't get attribute '(?P<name>[\w.]+)' on <module '(?P<module>[\w.]+)'"
)
_RUNNING: Final = (sys.version_info[0], sys.version_info[1])


def advice_on_loading(error: Exception, *, wrote: Mapping[str, str], saved_with: str) -> str:
    """Return advice on an error that loading a model in this process raised.

    Parameters
    ----------
    error : Exception
        The exception.
    wrote : Mapping[str, str]
        The version of each library that wrote the model, by PyPI name.
    saved_with : str
        The call that saves such a model.
    """
    text = str(error)
    if (match := _CLASS.search(text)) and not known_package(match["module"]):
        return _for_class(match["name"], match["module"])
    match = _MODULE.search(text)
    top = match["name"].partition(".")[0] if match else ""
    if match and not known_package(top):
        return _for_module(match["name"])
    package = known_package(top) if top else ""
    others = {name: each for name, each in wrote.items() if _installed(name) != each}
    if package and not _installed(package) and package not in others:
        return f"Install it: pip install {package}"
    if others:
        return _install(others, saved_with)
    return f"Check whether it loads where it was saved, and save it again there with {saved_with}."


def _for_class(name: str, module: str) -> str:
    if module in {"__main__", "__mp_main__"}:
        return (
            f"Define {name} in a module, import it from there in the program that saves the model "
            "and in this one, and save the model again."
        )
    return f"Put the {module} that the model was saved with on Python's path (PYTHONPATH)."


def _for_module(name: str) -> str:
    top = name.partition(".")[0]
    if top in OF_PYTHON_2:
        return "Python 2 wrote it, or dill: load it with dill.load, or save it again in Python 3."
    since = removed_in(top)
    if since and since <= _RUNNING:
        return f"Load it in Python {since[0]}.{since[1] - 1}: newer ones have no {top}."
    return (
        f"If {top} is yours, put the folder that holds it on Python's path (PYTHONPATH); else "
        "install the package that provides it."
    )


def _install(wrote: Mapping[str, str], saved_with: str) -> str:
    """Return how to install the versions that wrote the model, if they have wheels."""
    pins = " ".join(f"'{name}=={each}'" for name, each in wrote.items())
    there = [has_wheel(name, each, python=_RUNNING) for name, each in wrote.items()]
    if all(there):
        return f"Install what wrote it: pip install {pins}"
    pythons = {nearest_python(name, each, python=_RUNNING) for name, each in wrote.items()}
    if len(pythons) == 1 and "" not in pythons:
        return f"Load it in Python {pythons.pop()} with what wrote it: pip install {pins}"
    return f"Train the model again with what is installed here, and save it with {saved_with}."


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def way_to_load(folder: Path) -> str:
    """Return advice on a folder that no format can load."""
    ends = FORMATS.loadable_suffixes
    models = [file for end in ends for file in sorted(folder.rglob(f"*{end}"))]
    if len(models) == 1:
        return f"Give {models[0]}, the only model in it."
    return "Deploy it with a script that loads it, and evaluate the service."
