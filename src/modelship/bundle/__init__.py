"""Describe what a service needs: script, environment, models, sample request, resources."""

from modelship.bundle.bundle import ScoringBundle
from modelship.bundle.environment import Environment
from modelship.bundle.lock import Lock
from modelship.bundle.resources import Resources

__all__ = ["Environment", "Lock", "Resources", "ScoringBundle"]
