"""What the environment of a model has to hold, inferred from the model's file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from modelship.errors import EnvironmentSpecError
from modelship.known_packages import IMPORT_TO_PYPI

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from modelship.sources import Model

__all__ = ["requirements_of", "requirements_of_all"]

_GIVE_ONE: Final = "Pass environment= with a conda or requirements file."
_NAME_ONE: Final = (
    "Pass environment= with a conda or requirements file that names one version; modelship check "
    "shows whether both models load with it."
)


def requirements_of(model: Model, *, own_modules: Collection[str]) -> tuple[set[str], str]:
    """Return what a model needs, and in words where that comes from.

    Parameters
    ----------
    model : Model
        What has to be loaded.
    own_modules : Collection[str]
        Modules that lie beside the script, and come from no package.

    Raises
    ------
    EnvironmentSpecError
        If the model names a package whose name on PyPI is not known.
    """
    passport = model.passport
    origin = f"the environment of the model {model.name!r}"
    if passport.written_by:
        origin += f" (written by {passport.written_by})"
    packages = set(passport.packages) - {*own_modules}
    requirements = {f"{name}=={version}" for name, version in passport.libraries}
    requirements |= {_pypi_name(package, origin=origin) for package in packages} - {""}
    requirements |= {*model.model_format.requires}
    requirements |= {*_bounds(dict(passport.libraries))}
    return requirements, origin


def requirements_of_all(
    models: Sequence[Model], *, own_modules: Collection[str]
) -> tuple[set[str], str]:
    """Return what several models need in one environment, and in words where that comes from.

    Raises
    ------
    EnvironmentSpecError
        If there is none, two were written by different versions of a library, or one names a
        package whose name on PyPI is not known.
    """
    origin = f"the environment of {len(models)} models"
    if not models:
        problem = "an environment is inferred from a model, and there is none."
        raise EnvironmentSpecError(origin, problem, _GIVE_ONE)
    if problem := _disagreement(models):
        raise EnvironmentSpecError(origin, problem, _NAME_ONE)
    return {
        text for model in models for text in requirements_of(model, own_modules=own_modules)[0]
    }, origin


def _disagreement(models: Sequence[Model]) -> str:
    """Return which two models were written by different versions of a library, or ``""``."""
    first: dict[str, tuple[str, Model]] = {}
    for model in models:
        for library, version in model.passport.libraries:
            known, other = first.setdefault(library, (version, model))
            if known != version:
                return (
                    f"{library} {known} wrote {other.name}:{other.version}, and {version} wrote "
                    f"{model.name}:{model.version}, and one environment has one of them."
                )
    return ""


def _pypi_name(package: str, *, origin: str) -> str:
    """Return the name on PyPI of the package imported as `package`, or ``""`` for none."""
    if package.startswith("_") or package in {"builtins", "copy_reg"}:
        return ""  # of Python itself, or a compiled part of a package that is named too
    if package in IMPORT_TO_PYPI:
        return IMPORT_TO_PYPI[package]
    raise EnvironmentSpecError(
        origin,
        f"the model needs the package imported as {package!r}, whose name on PyPI is not known.",
        "Pass environment= with a conda or requirements file that lists it; code of your own "
        "goes beside the scoring script.",
    )


def _bounds(libraries: dict[str, str]) -> tuple[str, ...]:
    """Return bounds that old releases forgot to set themselves."""
    try:
        version = Version(libraries.get("scikit-learn", "99"))
    except InvalidVersion:
        return ()
    # Built against numpy 1; numpy 2 changed the binary interface.
    return ("numpy<2",) if version < Version("1.4.2") else ()
