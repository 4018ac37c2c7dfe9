"""Add the user's packages to those of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from modelship.bundle.requirements import parse_requirement
from modelship.errors import EnvironmentSpecError
from modelship.known_packages import SETUPTOOLS, floor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from packaging.specifiers import SpecifierSet

__all__ = ["combined", "names_of", "settled_by"]

_WHERE = "the packages given"


def names_of(packages: Iterable[str]) -> set[str]:
    """Return the canonical names of requirements.

    Raises
    ------
    EnvironmentSpecError
        If a requirement is malformed.
    """
    return {_parsed(text).name for text in packages}


def settled_by(packages: Iterable[str]) -> set[str]:
    """Return the canonical names of the requirements that set a version or a URL."""
    return {each.name for each in map(_parsed, packages) if each.specifier or each.url}


def combined(
    requirements: Sequence[str],
    packages: Sequence[str],
    *,
    replaces: bool,
    place_of: Callable[[str], str],
) -> tuple[str, ...]:
    """Return the requirements of an environment with additional packages.

    Parameters
    ----------
    requirements : Sequence[str]
        The requirements of the environment.
    packages : Sequence[str]
        The additional packages.
    replaces : bool
        Whether the version of an additional package replaces that of the environment. Otherwise
        both apply.
    place_of : Callable[[str], str]
        Return the location of the requirement for a package, for error messages.

    Raises
    ------
    EnvironmentSpecError
        If a package is malformed, is given twice, or contradicts the environment.
    """
    named = _once(map(_parsed, packages))
    there = [Requirement(text) for text in requirements]
    for new in named:
        same = [old for old in there if old.name == new.name and old.marker == new.marker]
        for old in same:
            there.remove(old)
            new = _joined(old, new, replaces=replaces, place_of=place_of)  # noqa: PLW2901 - it grows
        there.append(new)
    return tuple(map(str, there))


def _parsed(text: object) -> Requirement:
    if not isinstance(text, str):
        advice = "Write each as 'name' or 'name>=1,<2'."
        raise EnvironmentSpecError(_WHERE, f"{text!r} is not a string.", advice)
    if text.endswith((".yml", ".yaml", ".txt")):
        advice = "Give the file itself as the environment, and not in a list of packages."
        raise EnvironmentSpecError(_WHERE, f"{text!r} names a file.", advice)
    parsed = parse_requirement(text, where=_WHERE)
    if parsed.name == "python":
        advice = "Name the Python in a conda file: 'python=3.11'."
        raise EnvironmentSpecError(_WHERE, f"{text!r} is not a package name.", advice)
    return parsed


def _once(named: Iterable[Requirement]) -> list[Requirement]:
    """Return the requirements; raise if two are for the same package and marker."""
    seen: dict[tuple[str, str], Requirement] = {}
    for each in named:
        first = seen.setdefault((each.name, str(each.marker)), each)
        if first is not each:
            problem = f"{each.name} is given twice: {first} and {each}."
            raise EnvironmentSpecError(_WHERE, problem, "Give each package once.")
    return list(seen.values())


def _joined(
    old: Requirement, new: Requirement, *, replaces: bool, place_of: Callable[[str], str]
) -> Requirement:
    joined = Requirement(str(new))
    joined.extras |= old.extras
    if not new.specifier and not new.url:
        joined.specifier, joined.url = old.specifier, old.url
    elif not (replaces or _is_default(old)):
        if _contradict(old, new):
            raise EnvironmentSpecError(
                place_of(old.name),
                f"it requires {old}, and {new} is given too.",
                f"Require one version of {old.name}.",
            )
        joined.specifier &= old.specifier
    return joined


def _is_default(requirement: Requirement) -> bool:
    """Return whether a requirement is one of modelship's defaults."""
    floors = [floor_of(requirement.name, python=python) for python in ("3.8", "3.11")]
    return str(requirement) in {*(f"{requirement.name}>={floor}" for floor in floors), SETUPTOOLS}


def _contradict(one: Requirement, other: Requirement) -> bool:
    """Return whether two requirements exclude each other, as far as visible without the index."""
    if one.url or other.url:
        return one.url != other.url
    return any(
        not specifier.contains(version, prereleases=True)
        for specifier, versions in (
            (one.specifier, _pins(other.specifier)),
            (other.specifier, _pins(one.specifier)),
        )
        for version in versions
    )


def _pins(specifier: SpecifierSet) -> list[str]:
    return [
        each.version
        for each in specifier
        if each.operator == "==" and not each.version.endswith(".*")
    ]
