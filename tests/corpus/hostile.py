"""Model files that would run something, hide something, or cost far more than they weigh.

``CASES`` has them all by name: each writes one file or folder, and says what it tries. Whatever one
would run makes a marker file and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from corpus import (
    hostile_arrays,
    hostile_files,
    hostile_formats,
    hostile_instances,
    hostile_names,
    hostile_states,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One of them; ``write`` takes an empty folder and the marker, and returns what it wrote."""

    name: str
    tries: str
    write: Callable[[Path, str], Path]


def _cases() -> dict[str, Case]:
    found = {}
    modules = (
        *(hostile_names, hostile_states, hostile_instances),
        *(hostile_arrays, hostile_files, hostile_formats),
    )
    for module in modules:
        for title, tries, write in module.cases():
            assert title not in found, title
            found[title] = Case(title, tries, write)
    return found


CASES = _cases()
