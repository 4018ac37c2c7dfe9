"""Which modules a locked environment provides, without installing it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from modelship.known_packages import IMPORT_TO_PYPI, SCRIPT_PACKAGES
from modelship.runtime.environments import installed_modules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelship.bundle.lock import Lock

__all__ = ["Provided", "every_module_of_python", "is_installed_here", "standard_library"]

# "What's New In Python" of each release: removals, and what came.
_REMOVED: Final = {
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"),
        *("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    ),
}
_ADDED: Final = {(3, 11): ("tomllib",), (3, 14): ("annotationlib", "compression")}

# What is below google tells packages apart, see _NAMESPACES; most have this one.
_OTHERS: Final = SCRIPT_PACKAGES | {"google": "protobuf"}
# Packages that share one top-level module: what lies right below it tells them apart.
_NAMESPACES: Final = (
    "azure",
    "google",
    "azureml",
    "opentelemetry",
    "ruamel",
    "zope",
    "msrestazure",
)
_SERVER: Final = "azureml-inference-server-http"
_BY_SERVER: Final = (
    "azureml.contrib.services.aml_request",
    "azureml.contrib.services.aml_response",
)


@dataclass(frozen=True)
class Provided:
    """What can be imported in an environment.

    Parameters
    ----------
    lock : Lock
        The environment.
    """

    lock: Lock

    def package_of(self, module: str) -> str:
        """Return the name on PyPI of the package that provides `module`, as far as it is known."""
        top = module.partition(".")[0]
        known = IMPORT_TO_PYPI.get(top) or _OTHERS.get(top)
        return known or next(iter(_here().get(top, ())), "") or str(canonicalize_name(top))

    @staticmethod
    def knows(module: str) -> bool:
        """Return whether `module` is known to come from a package, provided or not."""
        top = module.partition(".")[0]
        tables = (IMPORT_TO_PYPI, _OTHERS, _NAMESPACES)
        return top in _here() or any(top in table for table in tables)

    def provides(self, module: str) -> bool | None:
        """Return whether `module` can be imported; None if that cannot be known."""
        if module in _BY_SERVER or any(name.startswith(f"{module}.") for name in _BY_SERVER):
            return _SERVER in self.lock.versions
        top = module.partition(".")[0]
        if top in _NAMESPACES:
            return self._shares(module)
        if self._installed is not None:
            return top in self._installed
        candidates = {str(canonicalize_name(top)), *_here().get(top, ())}
        candidates |= {table[top] for table in (IMPORT_TO_PYPI, _OTHERS) if top in table}
        if candidates & self.lock.versions.keys():
            return True
        known = top in IMPORT_TO_PYPI or top in _OTHERS or top in _here()
        return False if known else None  # a package may provide modules of any name

    @cached_property
    def _installed(self) -> frozenset[str] | None:
        """What is really there, if the environment is made already."""
        return installed_modules(self.lock)

    def _shares(self, module: str) -> bool | None:
        parts = module.split(".")[:2]
        if len(parts) == 1:
            return any(name.startswith(f"{parts[0]}-") for name in self.lock.versions)
        name = str(canonicalize_name("-".join(parts)))
        begins = any(each == name or each.startswith(f"{name}-") for each in self.lock.versions)
        return True if begins else (False if parts[0] == "azureml" else None)


def every_module_of_python() -> frozenset[str]:
    """Return the top-level modules that the standard library has, or had in a Python 3."""
    removed = {name for modules in _REMOVED.values() for name in modules}
    return frozenset(sys.stdlib_module_names) | removed


def standard_library(python: tuple[int, int]) -> frozenset[str]:
    """Return the top-level modules of the standard library of a minor version of Python.

    ``__main__``, the program that runs, is among them: it can always be imported.
    """
    names = {"__main__", *sys.stdlib_module_names}
    for version, modules in _REMOVED.items():
        names = names - {*modules} if python >= version else names | {*modules}
    for version, modules in _ADDED.items():
        names = names | {*modules} if python >= version else names - {*modules}
    return frozenset(names)


def is_installed_here(module: str) -> bool:
    """Return whether a package of this process's environment brings the top-level `module`."""
    return module in _here()


@cache
def _here() -> Mapping[str, tuple[str, ...]]:
    """Return which packages provide a module in this process's environment."""
    return {
        module: tuple(str(canonicalize_name(name)) for name in names)
        for module, names in packages_distributions().items()
    }
