"""Send a part of the requests, or copies of them, to a new release (canary, shadow)."""

from modelship.routing.stages import Canary, Shadow
from modelship.routing.trial_bounds import Bounds

__all__ = ["Bounds", "Canary", "Shadow"]
