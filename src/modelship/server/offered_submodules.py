"""Offer a script the submodules that Azure ML's server has loaded, without loading them.

After ``import urllib`` alone, ``urllib.request`` works in Azure ML's server, since something in it
has imported that submodule. Scripts rely on this unknowingly. Wherever less is loaded, these
submodules are imported when a script asks its package for them; all others are missing, as there.

What the server loads depends on its release and on the packages next to it. So it is recorded once
in each environment, by :mod:`modelship.runtime.deferred_exporter`; without a record, nothing is
offered. This imports only the standard library, and runs on Python 3.8.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

__all__ = ["RECORD", "loaded_by_server", "offer_submodules", "record_modules"]

RECORD = ".modelship-server-modules"
"""The file in an environment with the modules that the server loads, one per line."""

_INSTALLED = (sys.prefix, str(Path(os.__file__).parent))
_finders: Any = sys.meta_path  # of classes in the types, and also of objects


def loaded_by_server() -> list[str]:
    """Return the modules that the server loads before the script; none if they are unknown."""
    try:
        return Path(sys.prefix, RECORD).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return []


def record_modules() -> None:
    """Record the modules of this process, in which the server is loaded and no script."""
    draft = Path(sys.prefix, f"{RECORD}.{os.getpid()}")
    with suppress(OSError):  # the environment may not be writable
        draft.write_text("\n".join(filter(_is_reachable, sorted(sys.modules))), encoding="utf-8")
        draft.replace(draft.with_name(RECORD))


def _is_reachable(module: str) -> bool:
    """Return whether a module is an attribute of its package, as most are, or has no package."""
    package, _, name = module.rpartition(".")
    found = vars(sys.modules[package]).get(name) if package in sys.modules else None
    return not package or found is sys.modules[module]


def offer_submodules() -> None:
    """Let each package import the submodules that the server has loaded when they are asked for."""
    offered: dict[str, set[str]] = {}
    for each in loaded_by_server():
        package, _, name = each.rpartition(".")
        if package and each not in sys.modules:
            offered.setdefault(package, set()).add(name)
    for package in offered.keys() & sys.modules.keys():
        _extend(sys.modules[package], offered[package])
    if offered:
        _finders.insert(0, _Finder(offered))


class _Finder:
    """Finds packages as the finders after it do, and has them extended once they are executed.

    Also again: scripts look for a package before they import it, and reload it.
    """

    def __init__(self, offered: dict[str, set[str]]) -> None:
        self._offered = offered

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name not in self._offered:
            return None
        for finder in _finders[_finders.index(self) + 1 :]:
            if not hasattr(finder, "find_spec"):
                return None  # of an old kind, which Python asks up to 3.11
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if isinstance(spec.loader, SourceFileLoader):  # one for each module
                    _extend_after(spec.loader, self._offered[name])
                return spec
        return None


def _extend_after(loader: Any, names: set[str]) -> None:
    """Extend the package after its loader has executed it: the loader stays the one it has."""
    execute = loader.exec_module

    def exec_module(module: Any) -> None:
        del loader.exec_module
        execute(module)
        _extend(module, names)

    loader.exec_module = exec_module


def _extend(package: Any, names: set[str]) -> None:
    if not str(getattr(package, "__file__", "")).startswith(_INSTALLED):
        return  # a bundle has a package of this name
    own = vars(package).get("__getattr__")

    def found(name: str) -> Any:
        if name in names:
            with suppress(ModuleNotFoundError):  # it was removed
                return importlib.import_module(f"{package.__name__}.{name}")
        if own is not None:
            return own(name)
        raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")

    package.__getattr__ = found
