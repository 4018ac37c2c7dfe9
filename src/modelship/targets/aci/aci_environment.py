"""Define the Azure ML environment: the bundle's lock, and the required azureml-defaults."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelship.bundle.environment import Environment
from modelship.bundle.lock import clash_behind, lock
from modelship.documents import read_regular
from modelship.errors import ResolutionError
from modelship.staging import storing, write_atomic
from modelship.state_paths import cache_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelship.bundle import ScoringBundle
    from modelship.bundle.clash import Clash
    from modelship.bundle.lock import Lock

__all__ = ["azure_differences", "azure_requirements", "conda_specification"]

DEFAULTS: Final = "azureml-defaults"
"""Azure ML refuses an environment without it, 1.0.45 or newer."""

# The first would also accept an azureml-core of 2020.
_DEMANDED: Final = (f"{DEFAULTS}>=1.61", "azureml-core>=1.61")
_DEMANDED_ON_3_8: Final = (f"{DEFAULTS}>=1.60", "azureml-core>=1.60")  # the last versions for it

_WHERE_AZURE_RUNS: Final = "sys_platform == 'linux' and platform_machine == 'x86_64'"
_MOST_TOLD: Final = 4
_MOST_BYTES: Final = 2**20
_PINNED: Final = re.compile(r"([a-z0-9][a-z0-9._-]*)==([a-zA-Z0-9][a-zA-Z0-9.!+_-]*)")


def azure_requirements(bundle: ScoringBundle, *, timeout_s: float = 300) -> tuple[str, ...]:
    """Return the exact packages that Azure ML installs for `bundle`, as ``name==version``.

    If the lock has azureml-defaults, these are the packages of the lock. Otherwise azureml-defaults
    is added, and every package keeps its locked version; only packages that are required by the
    inference server alone may move, if azureml-defaults excludes their version.
    :func:`azure_differences` returns which have moved. The result is cached in the cache folder, so
    that it stays the same.

    Parameters
    ----------
    bundle : ScoringBundle
        The bundle to deploy.
    timeout_s : float
        The timeout of each of two resolutions; 5 seconds are typical for both.

    Raises
    ------
    ResolutionError
        If the lock and azureml-defaults are incompatible; the two requirements are named.
    """
    versions = bundle.lock.versions
    if DEFAULTS not in versions:
        path = cache_folder() / "azure" / f"{_key(bundle)}.txt"
        versions = _read(path)
    if DEFAULTS not in versions:
        versions = _resolved(bundle, timeout_s=timeout_s).versions
        _write(path, versions)
    return tuple(f"{name}=={version}" for name, version in sorted(versions.items()))


def azure_differences(bundle: ScoringBundle) -> tuple[str, ...]:
    """Return how Azure ML's packages differ from the lock, as a phrase for each package.

    Packages that azureml-defaults adds are not listed.
    """
    there = dict(text.split("==") for text in azure_requirements(bundle))
    return tuple(
        f"{name} {there.get(name)} instead of {version}"
        for name, version in sorted(bundle.lock.versions.items())
        if there.get(name) != version
    )


def conda_specification(bundle: ScoringBundle, *, timeout_s: float = 300) -> dict[str, Any]:
    """Return the content of a conda environment file, as the SDK's ``CondaDependencies`` takes it.

    The name depends on the content, so that Azure ML finds an image that it has already built.

    Raises
    ------
    ResolutionError
        As :func:`azure_requirements`.
    """
    requirements = azure_requirements(bundle, timeout_s=timeout_s)
    python = bundle.lock.python
    digest = hashlib.sha256("\n".join((python, *requirements)).encode()).hexdigest()
    return {
        "name": f"modelship-{digest[:12]}",
        "dependencies": [f"python={python}", {"pip": list(requirements)}],
    }


def _resolved(bundle: ScoringBundle, *, timeout_s: float) -> Lock:
    held = _held(bundle, timeout_s=timeout_s)
    kept = [name for name in bundle.lock.versions if name not in held]
    pins = [f"{name}=={version}" for name, version in held.items()]
    wanted = _with_defaults(bundle, (*pins, *kept))
    try:
        return _lock(bundle, wanted, timeout_s=timeout_s)
    except ResolutionError as error:
        clash = clash_behind(error, wanted)
        if clash is None:
            raise
        # The remedy is tried before it is reported.
        wishes = _with_defaults(bundle, bundle.environment.requirements)
        try:
            together = _lock(bundle, wishes, timeout_s=timeout_s)
        except ResolutionError as deeper:
            clash = clash_behind(deeper, wishes)
            if clash is None:
                raise
            raise _clashing(bundle, clash, deeper, advice=_another(bundle, clash)) from deeper
        advice = _list_it(held, together.versions)
        raise _clashing(bundle, clash, error, advice=advice) from error


def _held(bundle: ScoringBundle, *, timeout_s: float) -> Mapping[str, str]:
    """Return the packages whose versions must not move.

    Packages required by the inference server alone, such as its HTTP client, may move:
    azureml-defaults and the newest server are never compatible without a change there.
    """
    alone = Environment(bundle.lock.python, (), origin=bundle.environment.origin)
    servers = {*_lock(bundle, alone, timeout_s=timeout_s).versions}
    servers -= {_name(text) for text in bundle.environment.requirements}
    return {name: text for name, text in bundle.lock.versions.items() if name not in servers}


def _with_defaults(bundle: ScoringBundle, requirements: tuple[str, ...]) -> Environment:
    origin = f"{bundle.environment.origin}, with the {DEFAULTS} that Azure ML requires"
    demanded = _DEMANDED_ON_3_8 if bundle.lock.python == "3.8" else _DEMANDED
    return Environment(bundle.lock.python, (*requirements, *demanded), origin=origin)


def _lock(bundle: ScoringBundle, environment: Environment, *, timeout_s: float) -> Lock:
    return lock(environment, timeout_s=timeout_s, like=bundle.lock, only_on=_WHERE_AZURE_RUNS)


def _clashing(
    bundle: ScoringBundle, clash: Clash, error: ResolutionError, *, advice: str
) -> ResolutionError:
    asked = {*bundle.environment.requirements}
    one, other = (
        text if text in asked or "==" not in text else f"the lock's {text}"
        for text in clash.requirements
    )
    problem = (
        f"Azure ML requires {DEFAULTS}, but {one} and {other} cannot both hold: {clash.reason}."
    )
    return ResolutionError(bundle.environment.origin, problem, error.resolver_output, advice)


def _list_it(held: Mapping[str, str], versions: Mapping[str, str]) -> str:
    moved = [
        f"{name} {versions[name]}"
        for name, version in held.items()
        if versions.get(name, version) != version
    ]
    told = ", ".join(moved[:_MOST_TOLD]) + (" and others" if len(moved) > _MOST_TOLD else "")
    return (
        f"List {DEFAULTS} in the bundle's environment: every target then runs the versions "
        f"that are compatible with it ({told}), and the model can be evaluated with them."
    )


def _another(bundle: ScoringBundle, clash: Clash) -> str:
    """Advise an older release if the locked one is above all that are needed."""
    wanted = Requirement(clash.wanted.split(" or ")[0])
    locked = bundle.lock.versions.get(_name(clash.package), "0")
    ends = [Version(each.version.removesuffix(".*")) for each in SpecifierSet(wanted.specifier)]
    kind = "an older" if ends and Version(locked) >= max(ends) else "another"
    return (
        f"Request {kind} {clash.package} ({clash.wanted}) in the bundle's environment, and check "
        "that the model gives the same answers with it."
    )


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _key(bundle: ScoringBundle) -> str:
    """Return the inputs of the resolution as a file name."""
    named = sorted(_name(text) for text in bundle.environment.requirements)
    parts = (bundle.lock.digest, *named)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _read(path: Path) -> dict[str, str]:
    """Return the packages in a file that :func:`_write` wrote; none if the file was changed."""
    try:
        text = read_regular(path, most_bytes=_MOST_BYTES).decode()
    except (OSError, ValueError):
        return {}
    found = [_PINNED.fullmatch(line) for line in text.splitlines()]
    return {match[1]: match[2] for match in found if match} if all(found) else {}


def _write(path: Path, versions: Mapping[str, str]) -> None:
    lines = (f"{name}=={version}\n" for name, version in versions.items())
    with storing(path):
        write_atomic(path, "".join(lines))
