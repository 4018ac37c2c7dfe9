"""Points in time as Azure writes them: UTC, ISO 8601."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

__all__ = ["is_past", "moment"]

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def moment(*, in_s: float = 0.0) -> str:
    """Return now, or the moment in so many seconds."""
    return (datetime.now(timezone.utc) + timedelta(seconds=in_s)).strftime(_FORMAT)


def is_past(text: str) -> bool:
    """Return whether a moment is over; what is no moment is."""
    # Of one width, from the year to the fraction, they sort as text.
    return text < moment()
