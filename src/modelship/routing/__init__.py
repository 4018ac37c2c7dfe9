"""Send a part of the requests, or copies of them, to a new release (canary, shadow)."""

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.routing.stages import Canary, Shadow
    from modelship.routing.trial_bounds import Bounds

__all__ = ["Bounds", "Canary", "Shadow"]

__getattr__, __dir__ = names_from(
    __name__, {"stages": ["Canary", "Shadow"], "trial_bounds": ["Bounds"]}
)
