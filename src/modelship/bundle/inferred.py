"""Infer the environment of a model from its file."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from modelship.errors import EnvironmentSpecError
from modelship.known_packages import IMPORT_TO_PYPI, provider_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from modelship.sources import Model, Passport

__all__ = ["requirements_of", "requirements_of_all"]

_COMPANIONS: Final = frozenset(("joblib", "numpy", "scipy"))
"""They come along with whatever wrote the model, and keep to its promises."""

_NAME_ONE: Final = (
    "Name one of them, as in environment=['NAME==VERSION'] (--package NAME==VERSION); modelship "
    "check shows whether both models load with it."
)


def requirements_of(
    model: Model,
    *,
    own_modules: Collection[str],
    makes_tables: bool = False,
    named: Collection[str] | None = None,
) -> tuple[set[str], str]:
    """Return what a model needs, and in words where that comes from.

    Libraries that left their version in the file are pinned to it. What else the file names, and
    pandas where the model takes a table, is pinned to what is installed here, unless the model was
    written elsewhere.

    Parameters
    ----------
    model : Model
        What has to be loaded.
    own_modules : Collection[str]
        Modules that lie beside the script, and come from no package.
    makes_tables : bool
        Whether the script makes a DataFrame of each request, even if the model's file tells of no
        columns.
    named : Collection[str], optional
        Packages that a user named besides; if given, one of an unknown name may be among them.

    Raises
    ------
    EnvironmentSpecError
        If the model names a package whose name on PyPI is not known, and none is named besides.
    """
    passport = model.passport
    origin = f"the environment of the model {model.name!r}"
    if passport.written_by:
        origin += f" (written by {passport.written_by})"
    packages = {*_packages(passport, own_modules=own_modules, origin=origin, named=named)}
    if makes_tables or model.schema.is_table:
        packages.add("pandas")
    pinned = dict(passport.libraries)
    requirements = {f"{provider_of(name)}=={version}" for name, version in pinned.items()}
    from_here = _is_written_here(pinned)
    requirements |= {_pinned(each, here=from_here) for each in packages - {*pinned}}
    requirements |= {*_of_format(model)}
    requirements |= {*_bounds(pinned)}
    return requirements, origin


def requirements_of_all(
    models: Sequence[Model],
    *,
    own_modules: Collection[str],
    named: Collection[str] | None = None,
    settled: Collection[str] = (),
) -> tuple[set[str], str]:
    """Return what several models need in one environment, and in words where that comes from.

    Parameters
    ----------
    models : Sequence[Model]
        What has to be loaded.
    own_modules, named : Collection[str]
        As for :func:`requirements_of`.
    settled : Collection[str]
        Libraries whose version a user named.

    Raises
    ------
    EnvironmentSpecError
        If two were written by different versions of a library that is not settled, or one names a
        package whose PyPI name is unknown.
    """
    origin = f"the environment of {len(models)} models"
    if problem := _disagreement(models, settled=settled):
        raise EnvironmentSpecError(origin, problem, _NAME_ONE)
    return {
        text
        for model in models
        for text in requirements_of(model, own_modules=own_modules, named=named)[0]
    }, origin


def _of_format(model: Model) -> Iterator[str]:
    """Yield what the format of a model needs; what loads it is pinned to what is installed here."""
    written_by = dict(model.passport.libraries)
    _, format_ = model.served
    for name in format_.requires:
        if name != format_.runs_on:
            yield name
        elif name not in written_by:
            provider = provider_of(name)
            installed = _version_here(provider)
            yield f"{provider}=={installed}" if installed else provider


def _disagreement(models: Sequence[Model], *, settled: Collection[str]) -> str:
    """Return which two models were written by different versions of a library, or ``""``."""
    first: dict[str, tuple[str, Model]] = {}
    for model in models:
        for library, version in model.passport.libraries:
            known, other = first.setdefault(library, (version, model))
            if known != version and library not in settled:
                return (
                    f"{library} {known} wrote {other.name}:{other.version}, and {version} wrote "
                    f"{model.name}:{model.version}, and one environment has one of them."
                )
    return ""


def _packages(
    passport: Passport,
    *,
    own_modules: Collection[str],
    origin: str,
    named: Collection[str] | None,
) -> Iterator[str]:
    """Yield the names on PyPI of the packages that a model imports."""
    for package in sorted({*passport.packages} - {*own_modules}):
        if package.startswith("_") or package in {"builtins", "copy_reg"}:
            continue  # of Python itself, or a compiled part of a package that is named too
        if package in IMPORT_TO_PYPI:
            yield IMPORT_TO_PYPI[package]
        elif named is None:
            raise EnvironmentSpecError(
                origin,
                f"the model needs the package imported as {package!r}, whose PyPI name is unknown.",
                "Name the package of PyPI that has it: environment=['NAME'] (--package NAME); "
                "if it is a module of your own, name the folder that holds it: "
                "source_directory='FOLDER' (--source-directory FOLDER).",
            )


def _is_written_here(libraries: dict[str, str]) -> bool:
    """Return whether nothing speaks against it that a model was written by what is installed."""
    here = {name: _version_here(name) for name in libraries}
    return all(here[name] in {"", version} for name, version in libraries.items())


def _pinned(package: str, *, here: bool) -> str:
    if package in _COMPANIONS or not (here or package == "pandas"):
        return package
    package = provider_of(package)
    version = _version_here(package)
    return f"{package}=={version}" if version else package


def _version_here(package: str) -> str:
    """Return the release of a package that is installed here, or ``""`` if others cannot get it."""
    try:
        version = Version(metadata.version(package))
    except (metadata.PackageNotFoundError, InvalidVersion):
        return ""
    return "" if version.is_devrelease or version.local else str(version)


def _bounds(libraries: dict[str, str]) -> tuple[str, ...]:
    """Return bounds that old releases forgot to set themselves."""
    try:
        version = Version(libraries.get("scikit-learn", "99"))
    except InvalidVersion:
        return ()
    # Built against numpy 1; numpy 2 changed the binary interface.
    return ("numpy<2",) if version < Version("1.4.2") else ()
