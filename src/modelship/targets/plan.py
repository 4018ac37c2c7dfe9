"""Define Plan: what a deployment would change, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from modelship.checks import require_sound
from modelship.targets.deploying import check_asked, findings_in, intend
from modelship.targets.release_differences import Difference, differences_between
from modelship.targets.rollout import way_to
from modelship.targets.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelship.bundle import ScoringBundle
    from modelship.findings import Finding
    from modelship.targets.backend import TargetBackend
    from modelship.targets.deploying import Intent
    from modelship.targets.release import ReleaseRecord, Serving
    from modelship.targets.rollout import Way

__all__ = ["Difference", "Plan", "plan"]

_CHECK_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Plan:
    """What a deployment would change under a name.

    Parameters
    ----------
    name : str
        The service's name.
    target : str
        The name of the target.
    action : {"create", "replace", "nothing"}
        The planned action.
    release : ReleaseRecord
        The release that the name would serve; it contains no secret.
    differences : Sequence[Difference]
        The differences from the current release; empty unless something is replaced.
    way : {"side by side", "in place", "stop and start", ""}
        The kind of replacement; empty unless something is replaced.
    warnings : Sequence[Finding]
        The findings of the check that do not block the deployment.
    """

    name: str
    target: str
    action: Literal["create", "replace", "nothing"]
    release: ReleaseRecord
    differences: Sequence[Difference] = ()
    way: Way | Literal[""] = ""
    warnings: Sequence[Finding] = ()

    @property
    def has_changes(self) -> bool:
        """Whether the deployment would change anything."""
        return self.action != "nothing"

    def __str__(self) -> str:
        way = f", {self.way}" if self.way else ""
        lines = [f"{self.name} on {self.target}: {self.action}{way}", *map(str, self.differences)]
        return "\n    ".join(lines)

    def to_document(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "name": self.name,
            "target": self.target,
            "action": self.action,
            "way": self.way,
            "differences": [vars(each) for each in self.differences],
            "digest": self.release.bundle,
            "release": self.release.digest,
            "model": self.release.model,
            "warnings": [str(each) for each in self.warnings],
        }


def plan(
    backend: TargetBackend,
    bundle: ScoringBundle,
    *,
    name: str,
    serving: Serving,
    trust_model: bool,
) -> Plan:
    """Return what :func:`~modelship.targets.deploying.deploy` would do; this changes nothing."""
    check_asked(backend, bundle, name=name, serving=serving)
    intent = intend(backend, bundle, serving, name=name)
    differences = _differences(backend, intent)
    record = intent.release.record()
    if intent.current is not None and not differences:
        return Plan(name, backend.name, "nothing", record)
    found = findings_in(
        backend,
        intent.release,
        trial=False,
        trust_model=trust_model,
        timeout_s=_CHECK_TIMEOUT_S,
    )
    require_sound(found)
    if intent.current is None:
        return Plan(name, backend.name, "create", record, warnings=found)
    way = way_to(intent.release, on=backend, current=intent.current)
    return Plan(name, backend.name, "replace", record, differences, way, found)


def _differences(backend: TargetBackend, intent: Intent) -> tuple[Difference, ...]:
    """Return why the current release would be replaced; empty if it would not."""
    current = intent.current
    if current is None:
        return ()
    if current.broken:
        return (Difference("record", detail=current.broken),)
    kept = backend.releases(current.name)
    if differences := differences_between(current.release, intent.release, kept=kept):
        return differences
    if current.lost_uri:
        return (Difference("address", current.scoring_uri, current.lost_uri),)
    state = backend.observe(current).state
    return () if state is State.HEALTHY else (Difference("state", str(state), str(State.HEALTHY)),)
