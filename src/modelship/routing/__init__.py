"""Trying a new release with a part of the requests, or with copies of them."""

from modelship.routing.bounds import Bounds
from modelship.routing.stages import Canary, Shadow

__all__ = ["Bounds", "Canary", "Shadow"]
