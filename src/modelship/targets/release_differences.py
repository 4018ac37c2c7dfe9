"""List the differences between a release and the current one, part by part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelship.bundle.bundle_models import model_ids
from modelship.checks.leaks import variable_findings
from modelship.errors import ModelshipError
from modelship.runtime.variables import Secret
from modelship.targets.release_record import is_readable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelship.bundle import ScoringBundle
    from modelship.targets.kept import KeptReleases
    from modelship.targets.release import Release, ReleaseRecord
    from modelship.targets.release_record import Scalar

__all__ = ["Difference", "differences_between"]

_MOST_LISTED: Final = 5
_CHANGED: Final = "changed"
_WORD: Final = re.compile(r"[^\s'\"]+")


@dataclass(frozen=True)
class Difference:
    """One part or option in which two releases differ.

    Parameters
    ----------
    name : str
        The part of the bundle, such as ``"script"``, or the option, such as ``"workers"`` or
        ``"secrets.DB_PASSWORD"``; ``"record"``, ``"address"`` or ``"state"`` if the current
        service has a problem.
    before, after : str, int, float, bool or None
        The values; None if there is none, or it is a secret or too long to be recorded.
    detail : str
        A description of the difference, such as ``"score.py changed"``.
    """

    name: str
    before: Scalar | None = None
    after: Scalar | None = None
    detail: str = ""

    def __str__(self) -> str:
        detail = self.detail or f"{_shown(self.before)} -> {_shown(self.after)}"
        return f"{self.name}: {detail}"


def differences_between(
    record: ReleaseRecord, release: Release, *, kept: KeptReleases
) -> tuple[Difference, ...]:
    """Return each part and option in which `release` differs from the recorded one.

    The details of a difference are available if the recorded release is `kept`; otherwise only that
    the parts differ.
    """
    names = record.differences(release)
    parts = [name for name in names if name in release.bundle.parts]
    before = _kept(record.digest, kept) if parts else None
    return (
        *(_part(name, record, release.bundle, before=before) for name in parts),
        *(_option(name, record, release) for name in names if name not in parts),
    )


def _kept(digest: str, kept: KeptReleases) -> ScoringBundle | None:
    try:
        return kept.bundle(digest)
    except ModelshipError:  # deployed from elsewhere, or the kept release is damaged
        return None


def _option(name: str, record: ReleaseRecord, release: Release) -> Difference:
    if record.options is None:
        return Difference("options", detail="not recorded when it was deployed")
    before, after = record.options.get(name), release.recorded.get(name)
    is_shown = is_readable(before, after) and not any(
        _looks_secret(name, each) for each in (before, after)
    )
    if isinstance(release.options.get(name), Secret) or not is_shown:
        return Difference(name, detail=_change(was=before, now=after))
    return Difference(name, before, after)


def _looks_secret(name: str, value: Scalar | None) -> bool:
    """Return whether a value seems to be a secret that was given as a plain variable."""
    return any(variable_findings({name.partition(".")[2]: str(value)}))


def _change(*, was: object, now: object) -> str:
    """Return the kind of change of a value that is not shown; False is an option that is off."""
    if was in (None, False):
        return "added"
    return "removed" if now in (None, False) else _CHANGED


def _part(
    name: str, record: ReleaseRecord, bundle: ScoringBundle, *, before: ScoringBundle | None
) -> Difference:
    if name == "model":
        after = model_ids(bundle.models)
        same = record.model == after
        return Difference(
            name, record.model, after, f"{after} has different content" if same else ""
        )
    if name == "description":
        return Difference(name, record.description, bundle.description)
    if name == "tags":
        return Difference(name, detail=_listed(_changes(record.tags, bundle.tags)))
    if before is None:
        return Difference(name, detail=_CHANGED)
    return Difference(name, detail=_listed(_DETAILS[name](before, bundle)) or _CHANGED)


def _script(before: ScoringBundle, after: ScoringBundle) -> Iterator[str]:
    if before.entry_script != after.entry_script:
        yield f"entry_script {before.entry_script} -> {after.entry_script}"
    was, now = ({file.path: file.sha256 for file in each.source} for each in (before, after))
    for path in sorted({*was, *now}):
        if was.get(path) != now.get(path):
            yield f"{path} {_change(was=was.get(path), now=now.get(path))}"


def _environment(before: ScoringBundle, after: ScoringBundle) -> Iterator[str]:
    was, now = ({"python": each.lock.python, **each.lock.versions} for each in (before, after))
    yield from _changes(was, now)
    if was == now and before.environment.requirements != after.environment.requirements:
        yield "different requirements for the same packages"


def _resources(before: ScoringBundle, after: ScoringBundle) -> Iterator[str]:
    yield from _changes(vars(before.resources), vars(after.resources))


def _sample(before: ScoringBundle, after: ScoringBundle) -> Iterator[str]:
    yield _change(was=before.sample_json, now=after.sample_json)


_DETAILS: Final = {
    "script": _script,
    "environment": _environment,
    "resources": _resources,
    "sample_input": _sample,
}


def _changes(was: Mapping[str, Scalar], now: Mapping[str, Scalar]) -> Iterator[str]:
    for name in sorted({*was, *now}):
        if name not in was:
            yield f"{name} {_shown(now[name])} added"
        elif name not in now:
            yield f"{name} {_shown(was[name])} removed"
        elif was[name] != now[name]:
            yield f"{name} {_shown(was[name])} -> {_shown(now[name])}"


def _listed(changes: Iterator[str]) -> str:
    found = [*changes]
    more = [f"and {len(found) - _MOST_LISTED} more"] if len(found) > _MOST_LISTED else []
    return ", ".join([*found[:_MOST_LISTED], *more])


def _shown(value: Scalar | None) -> str:
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else repr(value)
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
