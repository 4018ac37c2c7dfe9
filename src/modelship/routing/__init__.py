"""Try a new release with a part of the requests, or with copies of them."""

from modelship.routing.stages import Canary, Shadow
from modelship.routing.trial_bounds import Bounds

__all__ = ["Bounds", "Canary", "Shadow"]
