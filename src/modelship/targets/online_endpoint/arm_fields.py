"""Convert settings to the JSON of Azure Resource Manager, and back, by tables of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelship.targets.online_endpoint.iso_durations import (
    iso_of_ms,
    iso_of_seconds,
    ms_of_iso,
    seconds_of_iso,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ArmField", "milliseconds", "plain", "read_fields", "seconds", "word", "write_fields"]


@dataclass(frozen=True)
class ArmField:
    """The name of a setting in Azure's JSON, and how its value is written there and read."""

    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def plain(name: str) -> ArmField:
    """Return a field whose value is the same in both."""
    return ArmField(name, lambda value: value, lambda value: value)


def seconds(name: str) -> ArmField:
    """Return a field in seconds, which is an ISO 8601 duration in the JSON."""
    return ArmField(name, iso_of_seconds, seconds_of_iso)


def milliseconds(name: str) -> ArmField:
    """Return a field in milliseconds, which is an ISO 8601 duration in the JSON."""
    return ArmField(name, iso_of_ms, ms_of_iso)


def word(name: str, words: Mapping[str, str]) -> ArmField:
    """Return a field with one of a few words; Azure ignores the case of its own."""
    back = {theirs.casefold(): ours for ours, theirs in words.items()}
    return ArmField(name, words.__getitem__, lambda value: back.get(str(value).casefold(), value))


def write_fields(settings: object, table: Mapping[str, ArmField]) -> dict[str, Any]:
    """Return the JSON of settings; what is None is left out, so that Azure's default applies."""
    given = {setting: getattr(settings, setting) for setting in table}
    return {
        table[setting].name: table[setting].write(value)
        for setting, value in given.items()
        if value is not None
    }


def read_fields(document: Mapping[str, Any], table: Mapping[str, ArmField]) -> dict[str, Any]:
    """Return the settings that a JSON object has by name; other keys are ignored.

    Raises
    ------
    ValueError
        If a duration is not written as ISO 8601.
    """
    return {
        setting: field.read(document[field.name])
        for setting, field in table.items()
        if document.get(field.name) is not None
    }
