"""Timestamps in Azure's format: UTC, ISO 8601."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

__all__ = ["is_past", "moment"]

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def moment(*, in_s: float = 0.0) -> str:
    """Return the current time, or the time in this many seconds."""
    return (datetime.now(timezone.utc) + timedelta(seconds=in_s)).strftime(_FORMAT)


def is_past(text: str) -> bool:
    """Return whether a timestamp is in the past; true for an invalid one."""
    # With a fixed width, from the year to the fraction, they sort as text.
    return text < moment()
