"""Where the calls of the services for training begin, as rules of werkzeug's routing."""

from __future__ import annotations

from typing import Final

from modelship.testing.offline.control import WS

__all__ = ["CONTENT", "EXECUTION", "EXPERIMENT", "HISTORY", "METRIC", "OLD_CONTENT"]

HISTORY: Final = f"/history/v1.0{WS}"
"""The run history: experiments, runs, and their events."""

EXPERIMENT: Final = f"{HISTORY}/experiments/<experiment>"
"""One experiment, by name."""

METRIC: Final = f"/metric/v2.0{WS}"
"""What runs have logged."""

CONTENT: Final = f"/content/v2.0{WS}"
"""Snapshots of source folders."""

OLD_CONTENT: Final = f"/content/v1.0{WS}"
"""What is left of an older version of that service."""

EXECUTION: Final = f"/execution/v1.0{WS}/experiments/<experiment>"
"""What starts a script."""
