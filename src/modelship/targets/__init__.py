"""Deploy bundles: the user-facing interface, and the small one that a plug-in implements."""

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from
from modelship.progress import Deadline, Steps

if TYPE_CHECKING:
    from modelship.targets.backend import Observation, Prepared, TargetBackend
    from modelship.targets.deployment import Deployment
    from modelship.targets.failures import Failure
    from modelship.targets.history import Change
    from modelship.targets.instance import Instance
    from modelship.targets.pictured import History
    from modelship.targets.plan import Difference, Plan
    from modelship.targets.release import Release, ReleaseRecord, Serving
    from modelship.targets.state import State
    from modelship.targets.target import DeployTarget

__all__ = [
    "Change",
    "Deadline",
    "DeployTarget",
    "Deployment",
    "Difference",
    "Failure",
    "History",
    "Instance",
    "Observation",
    "Plan",
    "Prepared",
    "Release",
    "ReleaseRecord",
    "Serving",
    "State",
    "Steps",
    "TargetBackend",
]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "backend": ["Observation", "Prepared", "TargetBackend"],
        "deployment": ["Deployment"],
        "failures": ["Failure"],
        "history": ["Change"],
        "instance": ["Instance"],
        "pictured": ["History"],
        "plan": ["Difference", "Plan"],
        "release": ["Release", "ReleaseRecord", "Serving"],
        "state": ["State"],
        "target": ["DeployTarget"],
    },
)
