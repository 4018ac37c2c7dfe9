"""Deployment without code: a script and an environment for a model that comes with neither."""

from __future__ import annotations

from modelship.testing.offline.nocode.completion import NoCode

__all__ = ["NoCode"]
