"""Where bundles run: the comfortable surface, and the small one that a plug-in implements."""

from modelship.progress import Deadline, Steps
from modelship.targets.backend import Instance, TargetBackend
from modelship.targets.deployment import Deployment
from modelship.targets.state import State
from modelship.targets.target import DeployTarget

__all__ = [
    "Deadline",
    "DeployTarget",
    "Deployment",
    "Instance",
    "State",
    "Steps",
    "TargetBackend",
]
