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

__all__ = ["require_agreement", "requirements_of"]

_COMPANIONS: Final = frozenset(("joblib", "numpy", "scipy"))
"""They are installed with the library that wrote the model, and stay compatible."""

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
    """Return the requirements of a model, and a description of their origin.

    Libraries that recorded their version in the file are pinned to it. The other packages that the
    file names, and pandas if the model takes a table, are pinned to the installed versions, unless
    the model was written elsewhere.

    Parameters
    ----------
    model : Model
        The model to load.
    own_modules : Collection[str]
        Modules next to the script, which belong to no package.
    makes_tables : bool
        Whether the script creates a DataFrame from each request, even if the file of the model
        lists no columns.
    named : Collection[str], optional
        Additional packages that the user named; if given, a package with an unknown PyPI name is
        allowed, since it can be one of them.

    Raises
    ------
    EnvironmentSpecError
        If the model needs a package whose PyPI name is unknown, and `named` is None.
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


def _of_format(model: Model) -> Iterator[str]:
    """Yield the requirements of a format; the library that loads it is pinned as installed here."""
    written_by = dict(model.passport.libraries)
    _, format_ = model.served
    for name in format_.requires:
        if name != format_.runs_on:
            yield name
        elif name not in written_by:
            provider = provider_of(name)
            installed = _version_here(provider)
            yield f"{provider}=={installed}" if installed else provider


def require_agreement(models: Sequence[Model], *, settled: Collection[str], origin: str) -> None:
    """Raise EnvironmentSpecError if two models were written by different versions of a library.

    Libraries in `settled` are those with a version that the user chose.
    """
    first: dict[str, tuple[str, Model]] = {}
    for model in models:
        for library, version in model.passport.libraries:
            known, other = first.setdefault(library, (version, model))
            if known != version and library not in settled:
                problem = (
                    f"{library} {known} wrote {other.name}:{other.version}, and {version} wrote "
                    f"{model.name}:{model.version}, and one environment has one of them."
                )
                raise EnvironmentSpecError(origin, problem, _NAME_ONE)


def _packages(
    passport: Passport,
    *,
    own_modules: Collection[str],
    origin: str,
    named: Collection[str] | None,
) -> Iterator[str]:
    """Yield the PyPI names of the packages that a model imports."""
    for package in sorted({*passport.packages} - {*own_modules}):
        if package.startswith("_") or package in {"builtins", "copy_reg"}:
            continue  # part of Python itself, or an extension module of a package that is named too
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
    """Return whether the installed libraries may have written the model."""
    here = {name: _version_here(name) for name in libraries}
    return all(here[name] in {"", version} for name, version in libraries.items())


def _pinned(package: str, *, here: bool) -> str:
    if package in _COMPANIONS or not (here or package == "pandas"):
        return package
    package = provider_of(package)
    version = _version_here(package)
    return f"{package}=={version}" if version else package


def _version_here(package: str) -> str:
    """Return the installed release of a package, or ``""`` if it is not publicly available."""
    try:
        version = Version(metadata.version(package))
    except (metadata.PackageNotFoundError, InvalidVersion):
        return ""
    return "" if version.is_devrelease or version.local else str(version)


def _bounds(libraries: dict[str, str]) -> tuple[str, ...]:
    """Return the version bounds that old releases are missing."""
    try:
        version = Version(libraries.get("scikit-learn", "99"))
    except InvalidVersion:
        return ()
    # Built against numpy 1; numpy 2 changed the ABI.
    return ("numpy<2",) if version < Version("1.4.2") else ()
