"""The rules about the environment that hold whatever the model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelship.bundle.environment import SERVER
from modelship.findings import RULES
from modelship.known_packages import IMPORT_TO_PYPI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelship.checks.subject import Subject
    from modelship.findings import Finding

__all__ = ["environment_findings"]

# They come along with whatever wrote the model, and keep to its promises.
_COMPANIONS = frozenset({"numpy", "scipy", "joblib"})


def environment_findings(subject: Subject) -> Iterator[Finding]:
    """Find what is wrong with the environment and its lock."""
    if subject.lock is not None and SERVER not in subject.lock.versions:
        yield RULES["MS202"].finding(f"The lock does not hold the inference server, {SERVER}.")
    if subject.environment is None:
        return
    passports = [model.passport for model in subject.models]
    wrote = {name for passport in passports for name, _ in passport.libraries}
    wrote |= {
        IMPORT_TO_PYPI.get(package, package)
        for passport in passports
        for package in passport.packages
    }
    for text in subject.environment.requirements:
        requirement = Requirement(text)
        name = str(canonicalize_name(requirement.name))
        if name in wrote - _COMPANIONS and not requirement.url and not _bounded(requirement):
            yield RULES["MS203"].finding(
                f"{text} made the model, and the next build may get another version of it.",
                path=subject.environment.origin,
                advice=f"Pin it: {name}=={_locked(subject, name)}.",
            )


def _bounded(requirement: Requirement) -> bool:
    return any(
        clause.operator in {"==", "===", "~=", "<", "<="} for clause in requirement.specifier
    )


def _locked(subject: Subject, name: str) -> str:
    return subject.lock.versions.get(name, "…") if subject.lock else "…"
