"""Environments: what is registered, what is curated, and how they are built."""

from __future__ import annotations

from modelship.testing.offline.environments.registered import Environments

__all__ = ["Environments"]
