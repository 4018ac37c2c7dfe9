"""Determine the modules that a locked environment provides, without installing it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import distributions, packages_distributions
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from modelship.known_modules import GENERIC_NAMES
from modelship.known_packages import IMPORT_TO_PYPI, SCRIPT_PACKAGES
from modelship.runtime.environments import installed_modules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import Distribution

    from modelship.bundle.lock import Lock

__all__ = ["Provided", "is_installed_here", "projects_here"]

_FROM_NO_INDEX: Final = "direct_url.json"
# A folder, or a module's file beside the other packages, in a list of installed files.
_TOP_LEVEL: Final = re.compile(r"^([^./,\\]+)(?:/|\.py,|\.[^/,]+\.so,)", re.MULTILINE)

# The part below google distinguishes packages, see _NAMESPACES; most have this one.
_OTHERS: Final = SCRIPT_PACKAGES | {"google": "protobuf"}
# Packages that share a top-level module: the module right below it distinguishes them.
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
    """The modules that can be imported in an environment.

    Parameters
    ----------
    lock : Lock
        The environment.
    """

    lock: Lock

    @staticmethod
    def package_of(module: str) -> str:
        """Return the name on PyPI of the package that is known to provide `module`, or ``""``.

        A name that people commonly give to their own folders identifies no package, nor does a
        project that is installed here from a folder or a repository.
        """
        top = module.partition(".")[0]
        known = IMPORT_TO_PYPI.get(top) or _OTHERS.get(top)
        if known or top in GENERIC_NAMES or top in projects_here():
            return known or ""
        return next(iter(_here().get(top, ())), "")

    @staticmethod
    def knows(module: str) -> bool:
        """Return whether `module` is known to come from a package, provided or not."""
        return bool(Provided.package_of(module)) or module.partition(".")[0] in _NAMESPACES

    def provides(self, module: str) -> bool | None:
        """Return whether `module` can be imported; None if unknown."""
        if module in _BY_SERVER or any(name.startswith(f"{module}.") for name in _BY_SERVER):
            return _SERVER in self.lock.versions
        top = module.partition(".")[0]
        if top in _NAMESPACES:
            return self._shares(module)
        if self._installed is not None and (top != "distutils" or top in self._installed):
            return top in self._installed
        if top == "distutils":  # setuptools provides it to a Python that no longer has it
            return "setuptools" in self.lock.versions
        candidates = {table[top] for table in (IMPORT_TO_PYPI, _OTHERS) if top in table}
        candidates.add(str(canonicalize_name(top)))
        locked = self.lock.versions.keys()
        if candidates & locked or locked & {*_here().get(top, ())}:
            return True
        known = top in IMPORT_TO_PYPI or top in _OTHERS or top in _here()
        return False if known else None  # a package may provide modules of any name

    @cached_property
    def _installed(self) -> frozenset[str] | None:
        """The installed modules, if the environment exists already."""
        return installed_modules(self.lock)

    def _shares(self, module: str) -> bool | None:
        parts = module.split(".")[:2]
        if len(parts) == 1:
            return any(name.startswith(f"{parts[0]}-") for name in self.lock.versions)
        name = str(canonicalize_name("-".join(parts)))
        begins = any(each == name or each.startswith(f"{name}-") for each in self.lock.versions)
        return True if begins else (False if parts[0] == "azureml" else None)


def is_installed_here(module: str) -> bool:
    """Return whether an index's package provides the top-level `module` to this process."""
    return bool(Provided.package_of(module))


@cache
def projects_here() -> frozenset[str]:
    """Return the modules of this process's environment that come from no index.

    They belong to projects that were installed from a folder, a file or a repository.
    """
    projects: list[Distribution] = []
    others: list[Distribution] = []
    for each in distributions():
        (others if each.read_text(_FROM_NO_INDEX) is None else projects).append(each)
    modules = {module for each in projects for module in _modules_of(each)}
    # The names of all packages, as in _here(), take a second to read where there are hundreds.
    return frozenset(modules.difference(*map(_modules_of, others))) if modules else frozenset()


def _modules_of(package: Distribution) -> set[str]:
    """Return the modules that a package declares, or else those among its files."""
    declared = (package.read_text("top_level.txt") or "").split()
    return set(declared) or {*_TOP_LEVEL.findall(package.read_text("RECORD") or "")}


@cache
def _here() -> Mapping[str, tuple[str, ...]]:
    """Return which packages provide a module in this process's environment."""
    return {
        module: tuple(str(canonicalize_name(name)) for name in names)
        for module, names in packages_distributions().items()
    }
