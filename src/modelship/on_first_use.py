"""Resolve the names of a package on first use, so that importing one of its modules is cheap."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["names_from"]


def names_from(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and the ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        The name of the package.
    modules : Mapping[str, Sequence[str]]
        The names of the package, by its module that defines them.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def resolve(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{homes[name]}")
        # All of its names at once: one of them may be called like the module itself.
        found = {each: getattr(module, each) for each in modules[homes[name]]}
        vars(sys.modules[package]).update(found)
        return found[name]

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return resolve, listed
