"""Translate conda environment files to pip requirements.

Supported: the keys ``name``, ``channels``, ``prefix`` (which do not affect the packages themselves)
and ``dependencies`` with one list under ``pip:``. Any other key is refused, since ignoring it would
change the environment. Translation of one line: :mod:`modelship.bundle.conda_spec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelship.bundle._conda_names import PROGRAMS
from modelship.bundle.conda_spec import MatchSpec, parse, translate
from modelship.bundle.requirements import read_lines
from modelship.errors import EnvironmentSpecError, UntranslatablePackageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import yaml
    from packaging.specifiers import SpecifierSet

__all__ = ["CondaFile", "PythonSpec", "read_conda"]

_KEYS = ("name", "channels", "dependencies", "prefix")


@dataclass(frozen=True)
class PythonSpec:
    """The Python versions that a file requests, and the line with the request."""

    specifier: SpecifierSet
    where: str


@dataclass(frozen=True)
class CondaFile:
    """The requests of a conda environment file, with PyPI names."""

    requirements: tuple[str, ...]
    python: PythonSpec | None
    lines: Mapping[str, tuple[int, ...]]
    """The lines that require each package, and ``python``, by canonical name."""


def read_conda(path: Path, text: str) -> CondaFile:
    """Parse the conda environment file `text`, which was read from `path`.

    Raises
    ------
    EnvironmentSpecError
        If it is not such a file, or contains something that cannot be translated. The message names
        the line.
    UntranslatablePackageError
        If packages have no known counterpart on PyPI; it names all of them.
    """
    keys, nodes = _read_yaml(path, text)
    specs: list[MatchSpec] = []
    requirements: list[tuple[int, Requirement]] = []
    for node in nodes:
        if _is_mapping(node):
            requirements += _pip_requirements(node, path=path)
        else:
            where = f"{path}:{node.start_mark.line + 1}"
            specs.append(parse(_scalar(node, where=where), where=where))
    exported = "prefix" in keys or any(spec.build for spec in specs)
    requirements += _translated(specs, exported=exported, path=path)
    _check_programs(specs, names={each.name for _, each in requirements})
    return CondaFile(
        tuple(str(each) for _, each in requirements if each.name != "python"),
        _python(requirements, path=path),
        _by_name(requirements),
    )


def _translated(
    specs: Sequence[MatchSpec], *, exported: bool, path: Path
) -> Iterator[tuple[int, Requirement]]:
    unknown: dict[int, str] = {}
    for spec in specs:
        line = int(spec.where.rpartition(":")[2])
        try:
            found = translate(spec, exported=exported)
        except UntranslatablePackageError:
            unknown[line] = spec.written_name
        else:
            if found is not None:
                yield line, found
    if unknown:
        where = f"{path}:{', '.join(map(str, unknown))}"
        raise UntranslatablePackageError(where, tuple(unknown.values()))


def _check_programs(specs: Sequence[MatchSpec], *, names: Collection[str]) -> None:
    for spec in specs:
        if callers := sorted({*PROGRAMS.get(spec.name, ())} & {*names}):
            raise EnvironmentSpecError(
                spec.where,
                f"{spec.name} is a program that {callers[0]} starts, and no wheel includes it.",
                f"Remove the line, and install {spec.name} where the service runs: on the machine "
                "for the target process, in the base image for docker (its option base_image).",
            )


def _python(requirements: Sequence[tuple[int, Requirement]], *, path: Path) -> PythonSpec | None:
    for line, each in reversed(requirements):
        if each.name == "python":
            return PythonSpec(each.specifier, f"{path}:{line}")
    return None


def _by_name(requirements: list[tuple[int, Requirement]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for line, each in requirements:
        name = canonicalize_name(each.name)
        found[name] = (*found.get(name, ()), line)
    return found


def _read_yaml(path: Path, text: str) -> tuple[set[str], list[yaml.Node]]:
    """Return the keys of the file, and the items of its list of dependencies."""
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
    return {str(key.value) for key, _ in root.value}, found


_EXAMPLE = "Write 'dependencies:' and below it '- python=3.11' and '- scikit-learn'."


def _check_key(key: str, *, where: str) -> None:
    if key == "variables":
        raise EnvironmentSpecError(
            where,
            "it sets environment variables, which a bundle's environment does not include.",
            "Set them in the scoring script, before it imports what reads them.",
        )
    if key not in _KEYS:
        raise EnvironmentSpecError(
            where,
            f"the key {key!r} is unknown{nearest(key, _KEYS)}.",
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
        raise EnvironmentSpecError(where, "expected a list here.", _EXAMPLE)
    return list(node.value)


def _scalar(node: yaml.Node, *, where: str) -> str:
    if getattr(node, "id", "") != "scalar":
        raise EnvironmentSpecError(where, "expected a package name here.", _EXAMPLE)
    return str(node.value)
