"""Add the packages that a user names to those of an environment."""

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
        If one is malformed.
    """
    return {_parsed(text).name for text in packages}


def settled_by(packages: Iterable[str]) -> set[str]:
    """Return the names of those requirements that say which version."""
    return {each.name for each in map(_parsed, packages) if each.specifier or each.url}


def combined(
    requirements: Sequence[str],
    packages: Sequence[str],
    *,
    replaces: bool,
    place_of: Callable[[str], str],
) -> tuple[str, ...]:
    """Return the requirements of an environment together with more packages.

    Parameters
    ----------
    requirements : Sequence[str]
        What is there already.
    packages : Sequence[str]
        What is named besides.
    replaces : bool
        Whether a version that is named replaces the one that is there. Otherwise both hold.
    place_of : Callable[[str], str]
        Returns where the package of a name is asked for, for messages.

    Raises
    ------
    EnvironmentSpecError
        If a package is malformed, is named twice, or contradicts what is there.
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
    """Return requirements, none of which is for a package and a platform of another."""
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
                f"it asks for {old}, and {new} is given besides.",
                f"Ask for one version of {old.name}.",
            )
        joined.specifier &= old.specifier
    return joined


def _is_default(requirement: Requirement) -> bool:
    """Return whether modelship asks for it by itself."""
    floors = [floor_of(requirement.name, python=python) for python in ("3.8", "3.11")]
    return str(requirement) in {*(f"{requirement.name}>={floor}" for floor in floors), SETUPTOOLS}


def _contradict(one: Requirement, other: Requirement) -> bool:
    """Return whether no release can be both; where it takes the index to see, it is not seen."""
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
