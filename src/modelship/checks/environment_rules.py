"""Check the environment, independently of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelship.bundle.environment import SERVER
from modelship.checks.skew import is_skew
from modelship.findings import RULES
from modelship.known_packages import IMPORT_TO_PYPI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.bundle.environment import Environment
    from modelship.checks.subject import Subject
    from modelship.findings import Finding

__all__ = ["environment_findings"]

# Dependencies of the library that wrote the model; they stay compatible with it.
_COMPANIONS = frozenset({"numpy", "scipy", "joblib"})


def environment_findings(subject: Subject) -> Iterator[Finding]:
    """Find problems of the environment and its lock."""
    if subject.lock is not None and SERVER not in subject.lock.versions:
        yield RULES["MS202"].finding(f"The lock does not hold the inference server, {SERVER}.")
    if subject.environment is not None and not subject.environment.inferred:
        yield from _unpinned(subject, subject.environment)


def _unpinned(subject: Subject, environment: Environment) -> Iterator[Finding]:
    """Find the model's libraries whose version may differ in the next bundle.

    Skipped where the lock has the exact version that wrote the model, or where another rule (MS201)
    already reports the locked version as a mismatch.
    """
    passports = [model.passport for model in subject.models]
    wrote = {name: version for each in passports for name, version in each.libraries}
    made = {IMPORT_TO_PYPI.get(name, name) for each in passports for name in each.packages}
    for text in environment.requirements:
        requirement = Requirement(text)
        name = str(canonicalize_name(requirement.name))
        if name not in {*wrote, *made} - _COMPANIONS or requirement.url or _bounded(requirement):
            continue
        version = _to_pin(wrote.get(name, ""), _locked(subject, name))
        if version:
            yield RULES["MS203"].finding(
                f"{text} produced the model, and the next build may install another version of it.",
                path=environment.origin,
                advice=f"Pin it in the environment: {name}=={version}.",
            )


def _to_pin(wrote: str, locked: str) -> str:
    """Return the version of a library to pin, or ``""`` if none needs pinning."""
    if not wrote or not locked:
        return wrote or locked
    return wrote if wrote != locked and not is_skew(wrote, locked) else ""


def _bounded(requirement: Requirement) -> bool:
    return any(
        clause.operator in {"==", "===", "~=", "<", "<="} for clause in requirement.specifier
    )


def _locked(subject: Subject, name: str) -> str:
    return subject.lock.versions.get(name, "") if subject.lock else ""
