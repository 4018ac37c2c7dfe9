"""Convert durations between numbers and the ISO 8601 text of Azure's documents."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

__all__ = ["iso_of_ms", "iso_of_seconds", "ms_of_iso", "seconds_of_iso"]

_FORM: Final = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS: Final = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def iso_of_seconds(seconds: int) -> str:
    """Return a duration in seconds as text, such as ``"PT1M30S"``."""
    return _iso(Decimal(seconds))


def iso_of_ms(milliseconds: int) -> str:
    """Return a duration in milliseconds as text, such as ``"PT0.6S"``."""
    return _iso(Decimal(milliseconds) / 1000)


def seconds_of_iso(text: str) -> int:
    """Return the seconds of a duration; a fraction of a second is dropped.

    Raises
    ------
    ValueError
        If it is not an ISO 8601 duration of days, hours, minutes and seconds.
    """
    return int(_seconds(text))


def ms_of_iso(text: str) -> int:
    """Return the milliseconds of a duration.

    Raises
    ------
    ValueError
        If it is not an ISO 8601 duration of days, hours, minutes and seconds.
    """
    return int(_seconds(text) * 1000)


def _iso(duration: Decimal) -> str:
    """Write it as azure-ai-ml does: days, hours and minutes are split off."""
    parts = []
    for unit, letter in (("days", "D"), ("hours", "H"), ("minutes", "M")):
        count, duration = divmod(duration, _SECONDS[unit])
        parts.append(f"{int(count)}{letter}" if count else "")
    seconds = f"{duration.normalize():f}S" if duration or not any(parts) else ""
    time = "".join([*parts[1:], seconds])
    return f"P{parts[0]}{'T' if time else ''}{time}"


def _seconds(text: str) -> Decimal:
    found = _FORM.fullmatch(text)
    if not found or text in {"P", "PT"}:
        raise ValueError(f"{text!r} is not an ISO 8601 duration, such as 'PT5S'")
    parts = found.groupdict(default="0")
    return sum((Decimal(parts[unit]) * by for unit, by in _SECONDS.items()), Decimal(0))
