"""Conda environment files, translated to what pip installs.

Taken: the keys ``name``, ``channels``, ``prefix`` (which say nothing about the packages
themselves) and ``dependencies`` with one list under ``pip:``. Any other key is refused,
since leaving it out would make another environment. Tables of names:
:mod:`modelship.bundle._conda_names`.

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
==========================  ====================  =======================================

The specification is that of conda's ``MatchSpec``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from modelship.bundle._conda_names import CONDA_TO_PYPI, NOT_NEEDED, SAME_NAME
from modelship.bundle.requirements import read_lines
from modelship.errors import EnvironmentSpecError, UntranslatablePackageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import yaml

__all__ = ["CondaFile", "PythonSpec", "read_conda", "translate"]

_KEYS = ("name", "channels", "dependencies", "prefix")

_TO_PYPI = {name: name for name in SAME_NAME} | CONDA_TO_PYPI

_NOT_NEEDED = {canonicalize_name(name) for name in NOT_NEEDED}

_MATCH_SPEC = re.compile(
    r"^(?:[^\s:]+::)?"  # channel
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_.\-]*)"
    r"\s*(?P<version>[^\[]*?)\s*"
    r"(?:\[(?P<brackets>[^\]]*)\])?$"
)


@dataclass(frozen=True)
class PythonSpec:
    """The versions of Python that a file asks for, and the place where it does."""

    specifier: SpecifierSet
    where: str


@dataclass(frozen=True)
class CondaFile:
    """What a conda environment file asks for, in PyPI's names."""

    requirements: tuple[str, ...]
    python: PythonSpec | None
    lines: Mapping[str, tuple[int, ...]]
    """The lines that ask for each package, and for ``python``, by canonical name."""


def read_conda(path: Path, text: str) -> CondaFile:
    """Read the conda environment file `text`, which came from `path`.

    Raises
    ------
    EnvironmentSpecError
        If it is not such a file, or says something that cannot be translated. The
        message names the line.
    UntranslatablePackageError
        If a package has no known counterpart on PyPI.
    """
    python = None
    requirements: list[tuple[int, Requirement]] = []
    for node in _dependencies(path, text):
        line = node.start_mark.line + 1
        where = f"{path}:{line}"
        if _is_mapping(node):
            requirements += _pip_requirements(node, path=path)
        elif (found := translate(_scalar(node, where=where), where=where)) is None:
            continue
        else:
            requirements.append((line, found))
            if found.name == "python":
                python = PythonSpec(found.specifier, where)
    return CondaFile(
        tuple(str(each) for _, each in requirements if each.name != "python"),
        python,
        _by_name(requirements),
    )


def _by_name(requirements: list[tuple[int, Requirement]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for line, each in requirements:
        name = canonicalize_name(each.name)
        found[name] = (*found.get(name, ()), line)
    return found


def translate(spec: str, *, where: str) -> Requirement | None:
    """Return the requirement that one conda match specification means.

    It is None for a package that pip needs not install, and a requirement named
    ``python`` for the interpreter.
    """
    match = _MATCH_SPEC.match(spec.strip())
    if match is None:
        raise _not_understood(spec, where=where)
    name = canonicalize_name(match["name"])
    if name in _NOT_NEEDED:
        return None
    if name != "python" and name not in _TO_PYPI:
        raise UntranslatablePackageError(where, match["name"])
    version = _version(match["version"], spec=spec, where=where)
    if match["brackets"]:
        version = _bracketed(match["brackets"], spec=spec, where=where)
    return Requirement(f"{_TO_PYPI.get(name, name)}{version}")


def _version(text: str, *, spec: str, where: str) -> SpecifierSet:
    if "|" in text or "^" in text:
        raise _not_understood(spec, where=where)
    if re.match(r"=?[^=<>!~\s]+(\s*=\s*|\s+)\S", text) and "," not in text:
        # version and build: the version is then exact
        version, build = re.split(r"\s*=\s*|\s+", text.lstrip("= "), maxsplit=1)
        if version == "*":
            raise EnvironmentSpecError(
                where,
                f"{spec!r} asks for the build {build!r}, and wheels have no such builds.",
                "Name a version, or the PyPI package of that variant under 'pip:'.",
            )
        text = version
    try:
        return SpecifierSet(",".join(_clause(part.strip()) for part in text.split(",")))
    except InvalidSpecifier:
        raise _not_understood(spec, where=where) from None


def _clause(clause: str) -> str:
    """Translate one clause, such as ``=1.2``, ``>=1.2.*`` or ``1.2.*``."""
    match = re.match(r"^(===?|!=|~=|<=|>=|<|>|=)?\s*(.*)$", clause)
    operator, version = (match[1] or "", match[2]) if match else ("", clause)
    if version == "*":
        return ""
    if operator == "=":
        return f"=={version.removesuffix('*').removesuffix('.')}.*"
    if operator in {"<", "<=", ">", ">="}:
        # conda reads >=1.2.* as >=1.2
        return operator + version.removesuffix(".*")
    return (operator or "==") + version if version else operator


def _bracketed(brackets: str, *, spec: str, where: str) -> SpecifierSet:
    match = re.fullmatch(r"\s*version\s*=\s*(['\"]?)(.*?)\1\s*", brackets)
    if match is None:
        raise EnvironmentSpecError(
            where,
            f"{spec!r} says more in brackets than a version.",
            "Write the name with a version alone, such as 'name>=1.2'.",
        )
    return _version(match[2], spec=spec, where=where)


def _not_understood(spec: str, *, where: str) -> EnvironmentSpecError:
    return EnvironmentSpecError(
        where,
        f"{spec!r} is not a specification that can be translated.",
        "Write it as 'name', 'name=1.2', 'name==1.2.3' or 'name>=1,<2'.",
    )


# --- the file -------------------------------------------------------------------------------


def _dependencies(path: Path, text: str) -> list[yaml.Node]:
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        problem = "it is nested too deeply."
        raise EnvironmentSpecError(str(path), problem, _EXAMPLE) from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "a character that is not allowed"
        raise EnvironmentSpecError(where, f"it is not valid YAML: {problem}.") from error
    if not isinstance(root, yaml.MappingNode):
        raise EnvironmentSpecError(str(path), "it is not a conda environment file.", _EXAMPLE)
    found: list[yaml.Node] | None = None
    for key, value in root.value:
        where = f"{path}:{key.start_mark.line + 1}"
        _check_key(str(key.value), where=where)
        if key.value == "dependencies":
            found = _sequence(value, where=where)
    if found is None:
        raise EnvironmentSpecError(str(path), "it has no 'dependencies'.", _EXAMPLE)
    return found


_EXAMPLE = "Write 'dependencies:' and below it '- python=3.11' and '- scikit-learn'."


def _check_key(key: str, *, where: str) -> None:
    if key == "variables":
        raise EnvironmentSpecError(
            where,
            "it sets environment variables, which a bundle's environment does not hold.",
            "Set them in the scoring script, before it imports what reads them.",
        )
    if key not in _KEYS:
        raise EnvironmentSpecError(
            where,
            f"the key {key!r} means nothing here{nearest(key, _KEYS)}.",
            f"Known keys: {', '.join(_KEYS)}.",
        )


def _pip_requirements(node: yaml.Node, *, path: Path) -> Iterator[tuple[int, Requirement]]:
    for line, text in _pip_lines(node, path=path):
        for found in read_lines([(line, text)], path=path):
            yield line, Requirement(found)


def _pip_lines(node: yaml.Node, *, path: Path) -> Iterator[tuple[int, str]]:
    for key, value in node.value:
        where = f"{path}:{key.start_mark.line + 1}"
        if key.value != "pip":
            raise EnvironmentSpecError(
                where,
                f"'dependencies' cannot hold {key.value!r}.",
                "The only list in it is 'pip:'.",
            )
        for item in _sequence(value, where=where):
            line = item.start_mark.line + 1
            yield line, _scalar(item, where=f"{path}:{line}").strip()


def _is_mapping(node: yaml.Node) -> bool:
    return bool(getattr(node, "id", "") == "mapping")


def _sequence(node: yaml.Node, *, where: str) -> list[yaml.Node]:
    if getattr(node, "id", "") != "sequence":
        raise EnvironmentSpecError(where, "a list is expected here.", _EXAMPLE)
    return list(node.value)


def _scalar(node: yaml.Node, *, where: str) -> str:
    if getattr(node, "id", "") != "scalar":
        raise EnvironmentSpecError(where, "a package name is expected here.", _EXAMPLE)
    return str(node.value)
