"""Deploy bundles: the user-facing interface, and the small one that a plug-in implements."""

from modelship.progress import Deadline, Steps
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
