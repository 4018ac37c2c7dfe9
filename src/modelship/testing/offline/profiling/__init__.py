"""Profiles: what a model needs, measured by running it on this machine."""

from __future__ import annotations

from modelship.testing.offline.profiling.profiles import Profiles

__all__ = ["Profiles"]
