"""What a check says of a case: as `modelship check` goes about it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cases.locks import lock_of
from modelship import ScoringBundle
from modelship.bundle.profile import Profile
from modelship.checks import check, check_parts
from modelship.errors import BundleError, EnvironmentSpecError, ModelError
from modelship.sources import Model

if TYPE_CHECKING:
    from cases.case import Case, Laid
    from modelship.findings import Finding

__all__ = ["bundle_of", "findings_of"]


def findings_of(case: Case, laid: Laid, *, trial: bool = True) -> tuple[Finding, ...]:
    """Check the bundle of a case, or its parts where no bundle can be made of them."""
    place = {"target": _profile(case), "name": case.bundle.get("name")}
    try:
        bundle = bundle_of(case, laid)
    except (BundleError, EnvironmentSpecError, ModelError):
        return check_parts(laid.model, **place, **laid.parts, **_resources(case))
    return check(bundle, **place, trial=trial)


def bundle_of(case: Case, laid: Laid) -> ScoringBundle:
    """Return the bundle of a case, with the lock that it shares with others."""
    bundle = ScoringBundle(Model.read(laid.model), **laid.parts, **_resources(case))
    with suppress(EnvironmentSpecError):  # the check says so
        bundle.__dict__["lock"] = lock_of(bundle.environment)
    return bundle


def _resources(case: Case) -> dict[str, float]:
    return {name: case.bundle[name] for name in ("cpu_cores", "memory_gb") if name in case.bundle}


def _profile(case: Case) -> Profile | None:
    target, changes = case.bundle.get("target"), case.bundle.get("profile")
    if target is None:
        return None
    return Profile.named(target).replace(**(changes or {}))
