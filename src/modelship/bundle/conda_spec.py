"""Translate conda match specifications to pip requirements.

==========================  ====================  =======================================
match specification         requirement           why
==========================  ====================  =======================================
``pkg``                     ``pkg``
``pkg=1.2``                 ``pkg==1.2.*``        one ``=`` is fuzzy in conda
``pkg==1.2.3``              ``pkg==1.2.3``
``pkg=1.2.3=py36_0``        ``pkg==1.2.3``        with a build, the version is exact
``pkg 1.2.3``               ``pkg==1.2.3``        so it is after a blank
``pkg 1.2.*``               ``pkg==1.2.*``
``pkg>=1,<2``               ``pkg<2,>=1``
``channel::pkg``            ``pkg``               there is one package index
``pkg[version='>=1']``      ``pkg>=1``            other keys in brackets are refused
``lib=1.2=h2797004_0``      nothing               a build for no Python is no Python package
==========================  ====================  =======================================

The specification is that of conda's ``MatchSpec``. Tables of names:
:mod:`modelship.bundle._conda_names`. What is in none of them is

- skipped if it has a build string that names no Python: conda's tools write the Python of a package
  there (``py311h64a7726_0``, ``pyhd8ed1ab_0``), and libraries in C have none (``h2797004_0``).
  Neither have metapackages; an export lists those too;
- skipped in an export without build strings, if its name begins with ``lib``;
- an error otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from modelship.bundle._conda_names import (
    CONDA_TO_PYPI,
    MORE_PARTS,
    NOT_NEEDED,
    NOT_NEEDED_BEGINNINGS,
    SAME_NAME,
)
from modelship.errors import EnvironmentSpecError, UntranslatablePackageError

__all__ = ["MatchSpec", "parse", "translate"]

_TO_PYPI = {name: name for name in SAME_NAME} | CONDA_TO_PYPI | {"python": "python"}

_NOT_NEEDED = {canonicalize_name(name) for name in NOT_NEEDED}

_MATCH_SPEC = re.compile(
    r"^(?:[^\s:]+::)?"  # channel
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.\-]*)"
    r"\s*(?P<version>[^\[]*?)\s*"
    r"(?:\[(?P<brackets>[^\]]*)\])?$"
)
_WITH_BUILD = re.compile(r"=?\s*(?P<version>[^=<>!~\s,]+)(?:\s*=\s*|\s+)(?P<build>\S.*)")


@dataclass(frozen=True)
class MatchSpec:
    """One match specification, in its parts.

    Parameters
    ----------
    text : str
        The whole specification.
    where : str
        The file and the line, for messages.
    written_name : str
        The package as written.
    version : str
        The version after the name, without a build.
    build : str
        The build, or ``""``.
    brackets : str
        The text in brackets, or ``""``.
    """

    text: str
    where: str
    written_name: str
    version: str
    build: str
    brackets: str

    @property
    def name(self) -> str:
        """The canonical name of the package."""
        return canonicalize_name(self.written_name)


def parse(text: str, *, where: str) -> MatchSpec:
    """Parse a match specification.

    Raises
    ------
    EnvironmentSpecError
        If it is malformed.
    """
    match = _MATCH_SPEC.match(text.strip())
    if match is None:
        raise _not_understood(text, where=where)
    version, build = match["version"], ""
    if found := _WITH_BUILD.fullmatch(version):
        version, build = f"={found['version']}", found["build"]
    return MatchSpec(text, where, match["name"], version, build, match["brackets"] or "")


def translate(spec: MatchSpec, *, exported: bool = False) -> Requirement | None:
    """Translate a match specification to a requirement.

    The result is None for a package that pip need not install, and a requirement named ``python``
    for the interpreter.

    Parameters
    ----------
    spec : MatchSpec
        One line of a file.
    exported : bool
        Whether conda wrote the file, which then also lists transitive dependencies.

    Raises
    ------
    EnvironmentSpecError
        If there is no equivalent requirement.
    UntranslatablePackageError
        If the package has no known counterpart on PyPI.
    """
    if _is_passed_over(spec, exported=exported):
        return None
    if spec.name not in _TO_PYPI:
        raise UntranslatablePackageError(spec.where, (spec.written_name,))
    version = _bracketed(spec) if spec.brackets else _version(spec)
    pypi = _TO_PYPI[spec.name]
    if pypi in MORE_PARTS:
        version = SpecifierSet(re.sub(r"==([\d.]*\d)(?=,|$)", r"==\1.*", str(version)))
    return Requirement(f"{pypi}{version}")


def _is_passed_over(spec: MatchSpec, *, exported: bool) -> bool:
    if spec.name in _NOT_NEEDED or spec.name.startswith(NOT_NEEDED_BEGINNINGS):
        return True
    if spec.name in _TO_PYPI:
        return False
    if spec.build:
        return re.search(r"py|cp3|abi3|\*", spec.build) is None
    return exported and spec.name.startswith("lib")


def _version(spec: MatchSpec) -> SpecifierSet:
    if not spec.build:
        return _specifiers(spec.version, spec=spec)
    version = spec.version.removeprefix("=")
    if version == "*":
        raise EnvironmentSpecError(
            spec.where,
            f"{spec.text!r} asks for the build {spec.build!r}, and wheels have no such builds.",
            "Name a version, or the PyPI package of that variant under 'pip:'.",
        )
    # With a build, the version is exact.
    return _specifiers(version, spec=spec)


def _specifiers(text: str, *, spec: MatchSpec) -> SpecifierSet:
    if "|" in text or "^" in text:
        raise _not_understood(spec.text, where=spec.where)
    try:
        return SpecifierSet(",".join(_clause(part.strip()) for part in text.split(",")))
    except InvalidSpecifier:
        raise _not_understood(spec.text, where=spec.where) from None


def _clause(clause: str) -> str:
    """Translate one clause, such as ``=1.2``, ``>=1.2.*`` or ``1.2.*``."""
    match = re.match(r"^(===?|!=|~=|<=|>=|<|>|=)?\s*(.*)$", clause)
    operator, version = (match[1] or "", match[2]) if match else ("", clause)
    if version == "*":
        return ""
    if operator == "=":
        numbers = version.removesuffix("*").removesuffix(".")
        # PEP 440 has no such pattern for post-releases and the like
        return f"=={numbers}.*" if re.fullmatch(r"[\d.]+", numbers) else f"=={version}"
    if operator in {"<", "<=", ">", ">="}:
        # conda reads >=1.2.* as >=1.2
        return operator + version.removesuffix(".*")
    return (operator or "==") + version if version else operator


def _bracketed(spec: MatchSpec) -> SpecifierSet:
    match = re.fullmatch(r"\s*version\s*=\s*(['\"]?)(.*?)\1\s*", spec.brackets)
    if match is None:
        raise EnvironmentSpecError(
            spec.where,
            f"{spec.text!r} says more in brackets than a version.",
            "Write the name with a version alone, such as 'name>=1.2'.",
        )
    if found := _WITH_BUILD.fullmatch(match[2]):
        return _specifiers(found["version"], spec=spec)
    return _specifiers(match[2], spec=spec)


def _not_understood(text: str, *, where: str) -> EnvironmentSpecError:
    return EnvironmentSpecError(
        where,
        f"{text!r} is not a specification that can be translated.",
        "Write it as 'name', 'name=1.2', 'name==1.2.3' or 'name>=1,<2'.",
    )
