"""Find the two clashing requirements in uv's proof that a resolution is impossible.

The proof consists of sentences such as ``flask==3.0.0 depends on werkzeug>=3.0.0``; the dependency
of a package may also be a list of version ranges.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Clash", "find_clash"]

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?"
_RANGE = r"[=<>~!]\S*"
_NEED = re.compile(
    rf"(?P<who>{_NAME})(?P<versions>{_RANGE})? depends? on "
    rf"(?:one of: (?P<list>(?:{_NAME}{_RANGE}\s)+)|(?P<one>{_NAME}(?:{_RANGE})?))"
)
_MARKER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Clash:
    """Two requirements that cannot both be satisfied.

    Parameters
    ----------
    requirements : tuple[str, str]
        Both, as they were requested.
    reason : str
        The dependency of one on the other, such as ``"flask==3.0.0 needs werkzeug>=3.0.0"``.
    package : str
        The package that would need two versions at once.
    wanted : str
        Its required versions, such as ``"werkzeug>=3.0.0"``.
    """

    requirements: tuple[str, str]
    reason: str
    package: str
    wanted: str


@dataclass(frozen=True)
class _Need:
    """One sentence of the proof: `who`, in some of its versions, needs `package` in a range."""

    who: str
    versions: str
    package: str
    ranges: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return _joined(self.package, self.ranges)

    @property
    def text(self) -> str:
        return f"{self.who}{self.versions} needs {self.wanted}"

    @property
    def holds_for_the_newest(self) -> bool:
        return not any(sign in self.versions for sign in ("<", "=="))


def find_clash(words: str, requirements: Sequence[str]) -> Clash | None:
    """Return the two of `requirements` that clash by uv's proof, or None if unclear.

    Parameters
    ----------
    words : str
        The message of uv.
    requirements : Sequence[str]
        The requested requirements, as in PEP 508.
    """
    needs = tuple(_needs(words))
    asked = {str(canonicalize_name(Requirement(text).name)): text for text in requirements}
    found = tuple(_with_what_was_asked(needs, asked)) or tuple(_with_each_other(needs, asked))
    if not found:
        return None
    # Direct dependencies explain more than transitive ones, those of the newest release more than
    # those of older ones, and later steps of the proof more than earlier ones.
    ranks = [
        (need.who in asked, need.holds_for_the_newest, at) for at, (need, _) in enumerate(found)
    ]
    return found[max(ranks)[-1]][1]


def _with_what_was_asked(
    needs: Sequence[_Need], asked: Mapping[str, str]
) -> Iterator[tuple[_Need, Clash]]:
    """Find dependencies that a requirement itself excludes."""
    for need in needs:
        text, origin = asked.get(need.package), _origin(need, needs, asked)
        if text and origin and origin != text:
            own = str(Requirement(text).specifier)
            if _disjoint(need.ranges, (own,)):
                yield need, _clash(text, origin, need, reason=need.text)


def _with_each_other(
    needs: Sequence[_Need], asked: Mapping[str, str]
) -> Iterator[tuple[_Need, Clash]]:
    """Find two dependencies on the same package that exclude each other."""
    for one, other in itertools.combinations(needs, 2):
        if one.package == other.package and _disjoint(one.ranges, other.ranges):
            origins = _origin(one, needs, asked), _origin(other, needs, asked)
            if all(origins) and origins[0] != origins[1]:
                yield other, _clash(*origins, other, reason=f"{one.text}, and {other.text}")


def _clash(one: str, other: str, need: _Need, *, reason: str) -> Clash:
    first, second = sorted((one, other))
    return Clash((first, second), reason=reason, package=need.package, wanted=need.wanted)


def _needs(words: str) -> Iterator[_Need]:
    text = " ".join(_MARKER.sub("", words).split())
    for match in _NEED.finditer(text):
        wanted = [each.rstrip(".,") for each in (match["list"] or match["one"]).split()]
        try:
            names = {canonicalize_name(Requirement(each).name) for each in wanted}
        except InvalidRequirement:
            continue
        if len(names) == 1:
            yield _Need(
                who=canonicalize_name(match["who"].partition("[")[0]),
                versions=(match["versions"] or "").rstrip(".,"),
                package=names.pop(),
                ranges=tuple(re.sub(f"^{_NAME}", "", each) for each in wanted),
            )


def _origin(need: _Need, needs: Sequence[_Need], asked: Mapping[str, str]) -> str:
    """Return the requirement that requires the package with this dependency, or ``""``."""
    names, seen = [need.who], set[str]()
    for name in names:
        if name in asked:
            return asked[name]
        seen.add(name)
        names += [each.who for each in needs if each.package == name and each.who not in seen]
    return ""


def _disjoint(some: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether two version ranges are disjoint; each is given by its specifiers.

    If two ranges overlap, they do so at the lower end of one of them, or just above it.
    """
    ours, theirs = ([SpecifierSet(each) for each in ranges] for ranges in (some, others))
    ends = {clause.version.removesuffix(".*") for each in (*ours, *theirs) for clause in each}
    points = ["0", *ends, *(f"{end}.0.0.1" for end in ends if end.replace(".", "").isdigit())]
    return not any(
        one.contains(point, prereleases=True) and other.contains(point, prereleases=True)
        for point in points
        for one in ours
        for other in theirs
    )


def _joined(package: str, ranges: Sequence[str]) -> str:
    """Join ``<1.4`` and ``>1.4,<2`` to ``!=1.4,<2``, the original requirement."""
    text = ""
    for each in ranges:
        below, above = re.fullmatch(r"(.*)<([^,=]+)", text), re.search(r">([^,=]+)", each)
        if below and above and below[2] == above[1]:
            rest = [clause for clause in each.split(",") if clause != above[0]]
            text = ",".join([f"{below[1]}!={above[1]}", *rest])
        else:
            text = f"{text} or {package}{each}" if text else each
    return f"{package}{text}"
