"""Describe what a service needs: script, environment, models, sample request, resources."""

from typing import TYPE_CHECKING

from modelship.on_first_use import names_from

if TYPE_CHECKING:
    from modelship.bundle.bundle import ScoringBundle
    from modelship.bundle.environment import Environment
    from modelship.bundle.lock import Lock
    from modelship.bundle.resources import Resources

__all__ = ["Environment", "Lock", "Resources", "ScoringBundle"]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "bundle": ["ScoringBundle"],
        "environment": ["Environment"],
        "lock": ["Lock"],
        "resources": ["Resources"],
    },
)
